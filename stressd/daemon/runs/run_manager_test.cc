#include "stressd/daemon/runs/run_manager.h"

#include <atomic>
#include <condition_variable>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "stressd/daemon/runs/fake_executor.h"
#include "stressd/daemon/runs/log_sink.h"
#include "stressd/daemon/runs/memory_run_sink.h"

namespace stressd::runs {
namespace {

// Findings: one id per scenario.
class FakeFindings final : public FindingSink {
 public:
  absl::StatusOr<std::vector<int64_t>> Record(const RunRecord& run) override {
    count_.fetch_add(1, std::memory_order_relaxed);
    return std::vector<int64_t>{static_cast<int64_t>(run.spec.scenario.size())};
  }
  int count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int> count_{0};
};

class RunManagerTest : public testing::Test {
 protected:
  RunManagerTest() : catalog_(FakeCatalog()) { limits_.fresh_run_count_max = 2; }

  RunManager& manager() {
    if (manager_ == nullptr) {
      manager_ = std::make_unique<RunManager>(
          RunManagerParts{&catalog_, &executor_, &sink_, &findings_, &log_}, limits_);
      EXPECT_TRUE(manager_->Start().ok());
    }
    return *manager_;
  }

  static RunSpec Churn(const std::string& request_id = "") {
    RunSpec spec;
    spec.scenario = "churn";
    spec.request_id = request_id;
    return spec;
  }

  // Watches the run to its end.
  RunRecord AwaitFinished(int64_t id) {
    std::mutex mutex;
    std::condition_variable changed;
    bool ready = false;
    const auto watch = manager().WatchRun(id, [&] {
      const std::lock_guard<std::mutex> lock(mutex);
      ready = true;
      changed.notify_all();
    });
    EXPECT_TRUE(watch.ok()) << watch.status();
    RunRecord last;
    while (last.state != RunState::kFinished) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return ready; });
        ready = false;
      }
      while (const std::optional<RunRecord> run = (*watch)->Take()) last = *run;
    }
    (*watch)->Cancel();
    return last;
  }

  Limits limits_;
  ScenarioCatalog catalog_;
  FakeExecutor executor_;
  MemoryRunSink sink_;
  FakeFindings findings_;
  NullLogSink log_;
  std::unique_ptr<RunManager> manager_;
};

TEST_F(RunManagerTest, ARunGoesThroughItsStatesAndIsKept) {
  const absl::StatusOr<RunRecord> created = manager().CreateRun(Churn());
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->state, RunState::kQueued);
  EXPECT_TRUE(created->spec.seed.has_value());
  const RunRecord finished = AwaitFinished(created->id);
  EXPECT_EQ(finished.outcome.verdict, Verdict::kPassed);
  EXPECT_EQ(finished.spec.seed, created->spec.seed);
  EXPECT_GE(finished.end_time, finished.start_time);
  EXPECT_EQ(sink_.StatesForTest(created->id),
            (std::vector<RunState>{RunState::kQueued, RunState::kRunning, RunState::kFinished}));
  EXPECT_EQ(manager().GetRun(created->id)->outcome.verdict, Verdict::kPassed);
  EXPECT_EQ(findings_.count(), 0);
}

TEST_F(RunManagerTest, AnAutoPlanIsWhatTheSeedDrawsAndARetryAsksForTheSame) {
  std::set<std::string> plans;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    RunSpec spec = Churn(absl::StrCat("plan-", seed));
    spec.seed = seed;
    spec.plan = "auto";
    const absl::StatusOr<RunRecord> created = manager().CreateRun(spec);
    ASSERT_TRUE(created.ok()) << created.status();
    EXPECT_NE(created->spec.plan, "auto");
    const absl::StatusOr<RunRecord> again = manager().CreateRun(spec);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->id, created->id);
    EXPECT_EQ(AwaitFinished(created->id).spec.plan, created->spec.plan);
    plans.insert(created->spec.plan);
    spec.plan = "pct:depth=16";
    EXPECT_EQ(manager().CreateRun(spec).status().code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_GT(plans.size(), 5u);
}

TEST_F(RunManagerTest, WhatFoundSomethingMakesAFinding) {
  executor_.SetVerdict(Verdict::kCrashed);
  const RunRecord run = AwaitFinished(manager().CreateRun(Churn())->id);
  EXPECT_EQ(run.finding_id, 5);
  EXPECT_EQ(findings_.count(), 1);
}

TEST_F(RunManagerTest, ASilentCanaryIsInconclusiveOnlyWhereItMustBeSeen) {
  RunSpec spec;
  spec.scenario = "canary-quiet";
  EXPECT_EQ(AwaitFinished(manager().CreateRun(spec)->id).outcome.verdict, Verdict::kInconclusive);
  spec.flavor = "tsan";
  EXPECT_EQ(AwaitFinished(manager().CreateRun(spec)->id).outcome.verdict, Verdict::kPassed);
}

TEST_F(RunManagerTest, NoMoreFreshRunsThanAllowedAndResidentOnesBesides) {
  executor_.HoldRuns();
  RunSpec resident = Churn();
  resident.host_kind = HostKind::kResident;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(manager().CreateRun(Churn()).ok());
  for (const char* flavor : {"plain", "tsan", "plain"}) {
    resident.flavor = flavor;
    ASSERT_TRUE(manager().CreateRun(resident).ok());
  }
  executor_.AwaitRunning(4);  // Two fresh, one resident of each flavor.
  EXPECT_EQ(manager().Status().running_run_count, 4);
  EXPECT_EQ(manager().Status().queued_run_count, 4);
  executor_.LetRunsGo();
  for (int64_t id = 1; id <= 8; ++id) AwaitFinished(id);
  EXPECT_EQ(executor_.running_count_max(), 4);
}

TEST_F(RunManagerTest, AFullQueueRefusesAndSaysTheLimit) {
  limits_.fresh_run_count_max = 1;
  limits_.queued_run_count_max = 2;
  executor_.HoldRuns();
  ASSERT_TRUE(manager().CreateRun(Churn()).ok());
  executor_.AwaitRunning(1);
  ASSERT_TRUE(manager().CreateRun(Churn()).ok());
  ASSERT_TRUE(manager().CreateRun(Churn()).ok());
  const absl::Status status = manager().CreateRun(Churn()).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "at most 2")) << status;
}

TEST_F(RunManagerTest, ARequestIdMakesOneRunHoweverOftenItIsAsked) {
  std::mutex mutex;
  std::set<int64_t> ids;
  std::vector<std::thread> clients;
  manager();
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      const absl::StatusOr<RunRecord> run = manager().CreateRun(Churn("same"));
      ASSERT_TRUE(run.ok()) << run.status();
      const std::lock_guard<std::mutex> lock(mutex);
      ids.insert(run->id);
    });
  }
  for (std::thread& client : clients) client.join();
  ASSERT_EQ(ids.size(), 1u);
  AwaitFinished(*ids.begin());
  EXPECT_EQ(manager().CreateRun(Churn("same"))->id, *ids.begin());
  RunSpec other = Churn("same");
  other.parameters["threads"] = "8";
  EXPECT_TRUE(absl::IsAlreadyExists(manager().CreateRun(other).status()));
  EXPECT_EQ(executor_.executed().size(), 1u);
}

TEST_F(RunManagerTest, CancelEndsQueuedRunsAtOnceAndRunningOnesSoon) {
  limits_.fresh_run_count_max = 1;
  executor_.HoldRuns();
  const int64_t running = manager().CreateRun(Churn())->id;
  executor_.AwaitRunning(1);
  const int64_t queued = manager().CreateRun(Churn())->id;
  EXPECT_EQ(manager().CancelRun(queued)->outcome.verdict, Verdict::kCancelled);
  EXPECT_TRUE(manager().CancelRun(running).ok());
  EXPECT_EQ(AwaitFinished(running).outcome.verdict, Verdict::kCancelled);
  EXPECT_TRUE(absl::IsFailedPrecondition(manager().CancelRun(queued).status()));
  EXPECT_TRUE(absl::IsNotFound(manager().CancelRun(99).status()));
  EXPECT_EQ(executor_.executed().size(), 1u);
}

// A watcher may be faster than the manager's own farewell to the run.
TEST_F(RunManagerTest, ARunWhoseEndWasShownCannotBeCancelled) {
  executor_.HoldRuns();
  const int64_t id = manager().CreateRun(Churn())->id;
  std::latch asked(1);
  absl::Status answer;
  std::atomic<RunWatch*> self{nullptr};  // The first call comes before it is known.
  executor_.AwaitRunning(1);
  const auto watch = manager().WatchRun(id, [&] {
    if (self == nullptr) return;
    const std::optional<RunRecord> run = self.load()->Take();
    if (!run.has_value() || run->state != RunState::kFinished) return;
    answer = manager().CancelRun(id).status();
    asked.count_down();
  });
  ASSERT_TRUE(watch.ok()) << watch.status();
  self = watch->get();
  (*watch)->Take();
  executor_.LetRunsGo();
  asked.wait();
  EXPECT_TRUE(absl::IsFailedPrecondition(answer)) << answer;
  (*watch)->Cancel();
}

TEST_F(RunManagerTest, ListsInPagesNewestFirst) {
  for (int i = 0; i < 5; ++i) AwaitFinished(manager().CreateRun(Churn())->id);
  std::vector<int64_t> ids;
  std::string token;
  do {
    const absl::StatusOr<RunPage> page = manager().ListRuns(RunQuery{}, 2, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const RunRecord& run : page->runs) ids.push_back(run.id);
    token = page->next_page_token;
  } while (!token.empty());
  EXPECT_EQ(ids, (std::vector<int64_t>{5, 4, 3, 2, 1}));
  EXPECT_TRUE(absl::IsInvalidArgument(manager().ListRuns(RunQuery{}, -1, "").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(manager().ListRuns(RunQuery{}, 9999, "").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(manager().ListRuns(RunQuery{}, 2, "x").status()));
}

TEST_F(RunManagerTest, WhatCannotBeStoredIsNotAccepted) {
  manager();
  sink_.FailPutsForTest(absl::UnavailableError("disk full"));
  EXPECT_TRUE(absl::IsUnavailable(manager().CreateRun(Churn("a")).status()));
  EXPECT_EQ(manager().ActiveRuns().size(), 0u);
  sink_.FailPutsForTest(absl::OkStatus());
  EXPECT_TRUE(manager().CreateRun(Churn("a")).ok());
}

TEST_F(RunManagerTest, DrainCancelsEverythingAndTakesNothingMore) {
  executor_.HoldRuns();
  std::vector<int64_t> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(manager().CreateRun(Churn())->id);
  executor_.AwaitRunning(2);
  manager().Drain();
  for (const int64_t id : ids) {
    EXPECT_EQ(sink_.GetRun(id)->outcome.verdict, Verdict::kCancelled) << id;
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(manager().CreateRun(Churn()).status()));
}

TEST_F(RunManagerTest, ARunCutOffByTheDaemonsDeathIsAnErrorAndQueuedAgain) {
  RunRecord cut_off;
  cut_off.id = 7;
  cut_off.spec = *catalog_.Complete(Churn("mine"), limits_);
  cut_off.spec.seed = 5;
  cut_off.state = RunState::kRunning;
  ASSERT_TRUE(sink_.PutRun(cut_off).ok());
  RunRecord waiting = cut_off;
  waiting.id = 8;
  waiting.spec.request_id = "other";
  waiting.state = RunState::kQueued;
  ASSERT_TRUE(sink_.PutRun(waiting).ok());
  const RunRecord again = AwaitFinished((manager(), 9));
  EXPECT_EQ(again.outcome.verdict, Verdict::kPassed);
  EXPECT_EQ(again.requeued_from_id, 7);
  EXPECT_EQ(again.spec.seed, 5u);
  EXPECT_EQ(sink_.GetRun(7)->outcome.verdict, Verdict::kError);
  EXPECT_EQ(AwaitFinished(8).outcome.verdict, Verdict::kPassed);
  EXPECT_EQ(manager().CreateRun(Churn("mine"))->id, 7);
}

TEST_F(RunManagerTest, ARunThatKillsItsDaemonEachTimeIsGivenUp) {
  RunRecord cut_off;
  cut_off.id = 1;
  cut_off.spec = *catalog_.Complete(Churn(), limits_);
  cut_off.state = RunState::kRunning;
  cut_off.requeue_count = RunManager::kRequeueMax;
  ASSERT_TRUE(sink_.PutRun(cut_off).ok());
  manager();
  EXPECT_EQ(sink_.GetRun(1)->outcome.verdict, Verdict::kError);
  EXPECT_EQ(manager().ActiveRuns().size(), 0u);
}

// Clients create, watch, cancel, list and vanish at once; under tsan.
TEST_F(RunManagerTest, ManyClientsAtOnce) {
  manager();
  std::atomic<int> cancelled_count{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      for (int i = 0; i < 20; ++i) {
        const absl::StatusOr<RunRecord> run = manager().CreateRun(Churn(absl::StrCat(c, "-", i)));
        ASSERT_TRUE(run.ok()) << run.status();
        const auto watch = manager().WatchRun(run->id, [] {});
        ASSERT_TRUE(watch.ok()) << watch.status();
        if (i % 3 == 0 && manager().CancelRun(run->id).ok()) ++cancelled_count;
        if (i % 3 == 1) AwaitFinished(run->id);
        ASSERT_TRUE(manager().ListRuns(RunQuery{}, 10, "").ok());
        if (i % 2 == 0) (*watch)->Cancel();  // Others just drop it.
      }
    });
  }
  for (std::thread& client : clients) client.join();
  manager().Drain();
  for (int64_t id = 1; id <= 80; ++id) {
    EXPECT_EQ(sink_.GetRun(id)->state, RunState::kFinished) << id;
  }
  EXPECT_EQ(manager().Status().finished_run_count, 80);
}

}  // namespace
}  // namespace stressd::runs
