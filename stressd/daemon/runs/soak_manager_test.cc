#include "stressd/daemon/runs/soak_manager.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "stressd/daemon/runs/fake_executor.h"
#include "stressd/daemon/runs/log_sink.h"
#include "stressd/daemon/runs/memory_run_sink.h"
#include "stressd/daemon/runs/run_manager.h"
#include "stressd/daemon/runs/soak_draw.h"
#include "stressd/daemon/runs/soak_state.h"

namespace stressd::runs {
namespace {

SoakPlan Plan(const std::string& name = "nightly") {
  SoakPlan plan;
  plan.name = name;
  plan.seed = 11;
  plan.canary_step_count = 0;
  SoakEntry often;
  often.scenario = "churn";
  often.flavors = {"plain", "tsan"};
  often.weight = 9;
  SoakEntry seldom = often;
  seldom.scenario = "forked";
  seldom.flavors = {"plain"};
  seldom.weight = 1;
  seldom.host_kind = HostKind::kFresh;
  plan.entries = {often, seldom};
  return plan;
}

int64_t RunCount(const SoakRecord& soak) {
  int64_t count = 0;
  for (const SoakTally& tally : soak.tallies) count += tally.run_count;
  return count;
}

// One life of a daemon over a store that survives it.
class Daemon {
 public:
  explicit Daemon(MemoryRunSink* sink)
      : catalog_(FakeCatalog()),
        runs_(RunManagerParts{&catalog_, &executor_, sink, nullptr, &log_}, Limits{}),
        soaks_(&runs_, sink, &log_) {
    runs_.AddFinishedCallback([this](const RunRecord&) {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++finished_count_;
      changed_.notify_all();
    });
    EXPECT_TRUE(runs_.Start().ok());
    EXPECT_TRUE(soaks_.Start().ok());
  }
  ~Daemon() {
    soaks_.Drain();
    runs_.Drain();
  }

  void AwaitRuns(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return finished_count_ >= count; });
  }
  SoakRecord AwaitEnded(int64_t id) {
    while (true) {
      const absl::StatusOr<SoakRecord> soak = soaks_.GetSoak(id);
      EXPECT_TRUE(soak.ok()) << soak.status();
      if (soak->state == SoakState::kStopped || soak->state == SoakState::kFinished) return *soak;
      std::this_thread::yield();
    }
  }

  FakeExecutor& executor() { return executor_; }
  SoakManager& soaks() { return soaks_; }
  RunManager& runs() { return runs_; }

 private:
  NullLogSink log_;
  FakeExecutor executor_;
  ScenarioCatalog catalog_;
  RunManager runs_;
  SoakManager soaks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int finished_count_ = 0;
};

TEST(SoakDrawTest, FollowsTheWeightsAndIsAFunctionOfSeedAndStep) {
  const SoakPlan plan = Plan();
  std::map<std::string, int> counts;
  for (int64_t step = 0; step < 10'000; ++step) {
    const RunSpec spec = DrawSoakStep(plan, step);
    ++counts[spec.scenario + "/" + spec.flavor];
    EXPECT_EQ(spec.seed, DrawSoakStep(plan, step).seed);
    EXPECT_EQ(spec.plan, "auto");
  }
  // Binomial: six standard deviations are 180 and 300.
  EXPECT_NEAR(counts["forked/plain"], 1000, 180);
  EXPECT_NEAR(counts["churn/plain"], 4500, 300);
  EXPECT_NEAR(counts["churn/tsan"], 4500, 300);
  SoakPlan other = plan;
  other.seed = 12;
  EXPECT_NE(DrawSoakStep(plan, 0).seed, DrawSoakStep(other, 0).seed);
}

TEST(SoakPlanTest, RefusalsNameTheField) {
  const std::pair<void (*)(SoakPlan&), const char*> kCases[] = {
      {[](SoakPlan& p) { p.name = "Not Good"; }, "name: \"Not Good\""},
      {[](SoakPlan& p) { p.entries.clear(); }, "entries: \"0\""},
      {[](SoakPlan& p) { p.entries[1].weight = 0; }, "entries[1].weight: \"0\""},
      {[](SoakPlan& p) { p.entries[0].flavors = {"plain", "x"}; }, "entries[0].flavor: \"x\""},
      {[](SoakPlan& p) { p.entries[0].flavors.clear(); }, "entries[0].flavors"},
      {[](SoakPlan& p) { p.entries[0].parameters["threads"] = "0"; },
       "entries[0].parameters.threads: \"0\""},
      {[](SoakPlan& p) { p.entries[1].host_kind = HostKind::kResident; }, "entries[1].host_kind"},
      {[](SoakPlan& p) { p.duration = absl::Seconds(-1); }, "duration: \"-1s\""},
      {[](SoakPlan& p) { p.interval = absl::InfiniteDuration(); }, "interval: \"inf\""},
      {[](SoakPlan& p) { p.run_plan = "pct:depth=0"; }, "run_plan.pct.depth: \"0\""},
      {[](SoakPlan& p) { p.canary_step_count = -1; },
       "canary_step_count: \"-1\" is refused; allowed: 0 to 1000000"},
      {[](SoakPlan& p) { p.concurrent_run_count = 99; }, "concurrent_run_count: \"99\""}};
  for (const auto& [spoil, message] : kCases) {
    SoakPlan plan = Plan();
    spoil(plan);
    const absl::Status status = ValidateSoakPlan(plan, FakeCatalog(), Limits{});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_NE(std::string(status.message()).find(message), std::string::npos) << status;
  }
  EXPECT_TRUE(ValidateSoakPlan(Plan(), FakeCatalog(), Limits{}).ok());
}

TEST(SoakManagerTest, AContinuousSoakGoesOnUntilItIsStopped) {
  MemoryRunSink sink;
  Daemon daemon(&sink);
  const absl::StatusOr<SoakRecord> soak = daemon.soaks().StartSoak(Plan());
  ASSERT_TRUE(soak.ok()) << soak.status();
  EXPECT_TRUE(absl::IsAlreadyExists(daemon.soaks().StartSoak(Plan()).status()));
  daemon.AwaitRuns(30);
  ASSERT_TRUE(daemon.soaks().StopSoak(soak->id).ok());
  const SoakRecord ended = daemon.AwaitEnded(soak->id);
  EXPECT_EQ(ended.state, SoakState::kStopped);
  EXPECT_GE(RunCount(ended), 30);
  EXPECT_EQ(RunCount(ended), ended.step_count);
  EXPECT_EQ(daemon.executor().running_count_max(), 1);  // K1
  EXPECT_TRUE(absl::IsFailedPrecondition(daemon.soaks().StopSoak(soak->id).status()));
  EXPECT_TRUE(absl::IsNotFound(daemon.soaks().StopSoak(99).status()));
}

TEST(SoakManagerTest, RunsSideBySideWhereThePlanSaysSo) {
  MemoryRunSink sink;
  Daemon daemon(&sink);
  daemon.executor().HoldRuns();
  SoakPlan plan = Plan();
  plan.entries = {plan.entries[1]};  // Fresh ones: two lanes.
  plan.concurrent_run_count = 2;
  ASSERT_TRUE(daemon.soaks().StartSoak(plan).ok());
  daemon.executor().AwaitRunning(2);
  EXPECT_EQ(daemon.runs().ActiveRuns().size(), 2u);
  daemon.executor().LetRunsGo();
  daemon.AwaitRuns(10);
}

TEST(SoakDrawTest, ACanaryTakesEverySoManyStepsInAFlavorThatMustSeeIt) {
  SoakPlan plan = Plan();
  plan.canary_step_count = 5;
  for (int64_t step = 0; step < 20; ++step) {
    const std::optional<RunSpec> canary = DrawSoakCanary(plan, FakeCatalog(), step);
    ASSERT_EQ(canary.has_value(), step % 5 == 0) << step;
    if (!canary.has_value()) continue;
    EXPECT_EQ(canary->scenario, "canary-quiet");
    EXPECT_EQ(canary->flavor, "plain");
    EXPECT_EQ(canary->host_kind, HostKind::kFresh);
  }
  plan.entries = {plan.entries[0]};
  plan.entries[0].flavors = {"tsan"};  // Sees none of them.
  EXPECT_FALSE(DrawSoakCanary(plan, FakeCatalog(), 0).has_value());
}

TEST(SoakManagerTest, ASilentCanaryIsCountedApartAndSurvivesARestart) {
  MemoryRunSink sink;
  SoakPlan plan = Plan();
  plan.canary_step_count = 5;
  int64_t id = 0;
  {
    Daemon daemon(&sink);  // Its executor lets all pass: the canary must crash.
    id = daemon.soaks().StartSoak(plan)->id;
    daemon.AwaitRuns(12);
  }
  const SoakRecord between = *sink.GetSoak(id);
  EXPECT_GE(between.silent_canary_run_count, 2);
  EXPECT_EQ(between.canary_run_count, between.silent_canary_run_count);
  EXPECT_EQ(between.last_finding_run_id, 0);
  for (const SoakTally& tally : between.tallies) EXPECT_NE(tally.scenario, "canary-quiet");
  Daemon daemon(&sink);
  daemon.AwaitRuns(6);
  ASSERT_TRUE(daemon.soaks().StopSoak(id).ok());
  EXPECT_GT(daemon.AwaitEnded(id).silent_canary_run_count, between.silent_canary_run_count);
}

TEST(SoakStateTest, ACanaryThatSpeaksIsNoFindingOfTheSoak) {
  RunRecord run;
  run.id = 7;
  run.spec.scenario = "canary-quiet";
  run.spec.flavor = "plain";
  run.outcome.verdict = Verdict::kCrashed;
  SoakRecord soak;
  EXPECT_FALSE(CountSoakRun(run, FakeCatalog(), soak));
  EXPECT_EQ(soak.canary_run_count, 1);
  EXPECT_EQ(soak.silent_canary_run_count, 0);
  EXPECT_EQ(soak.last_finding_run_id, 0);
  EXPECT_TRUE(soak.tallies.empty());
  run.outcome.verdict = Verdict::kInconclusive;
  EXPECT_TRUE(CountSoakRun(run, FakeCatalog(), soak));
  EXPECT_EQ(soak.last_silent_canary_run_id, 7);
  run.outcome.verdict = Verdict::kCancelled;
  EXPECT_FALSE(CountSoakRun(run, FakeCatalog(), soak));
  EXPECT_EQ(soak.canary_run_count, 2);
}

TEST(SoakManagerTest, ASoakEndsWhenItsDurationIsOver) {
  MemoryRunSink sink;
  Daemon daemon(&sink);
  SoakPlan plan = Plan();
  plan.duration = absl::Milliseconds(50);
  plan.interval = absl::Milliseconds(5);
  const absl::StatusOr<SoakRecord> soak = daemon.soaks().StartSoak(plan);
  ASSERT_TRUE(soak.ok()) << soak.status();
  const SoakRecord ended = daemon.AwaitEnded(soak->id);
  EXPECT_EQ(ended.state, SoakState::kFinished);
  EXPECT_GE(ended.elapsed, plan.duration);
  // A step per interval at most; those it was late for are counted.
  EXPECT_LE(ended.step_count, 11 + absl::ToInt64Milliseconds(ended.elapsed) / 5);
  EXPECT_EQ(RunCount(ended), ended.step_count);
}

TEST(SoakManagerTest, AnIntervalSoakSkipsWhatItIsLateFor) {
  MemoryRunSink sink;
  Daemon daemon(&sink);
  daemon.executor().HoldRuns();
  SoakPlan plan = Plan();
  plan.interval = absl::Milliseconds(2);
  const absl::StatusOr<SoakRecord> soak = daemon.soaks().StartSoak(plan);
  ASSERT_TRUE(soak.ok()) << soak.status();
  while (daemon.soaks().GetSoak(soak->id)->skipped_count < 3) std::this_thread::yield();
  EXPECT_EQ(daemon.soaks().GetSoak(soak->id)->step_count, 1);
  daemon.executor().LetRunsGo();
  daemon.AwaitRuns(3);
}

TEST(SoakManagerTest, ASoakGoesOnAfterARestartWithItsNextStep) {
  MemoryRunSink sink;
  int64_t id = 0;
  int64_t steps_before = 0;
  {
    Daemon daemon(&sink);
    id = daemon.soaks().StartSoak(Plan())->id;
    daemon.AwaitRuns(10);
  }
  const SoakRecord between = *sink.GetSoak(id);
  EXPECT_EQ(between.state, SoakState::kActive);
  EXPECT_EQ(RunCount(between), between.step_count);  // The cancelled one, too.
  steps_before = between.step_count;
  {
    Daemon daemon(&sink);
    daemon.AwaitRuns(5);
    const absl::StatusOr<SoakRecord> same = daemon.soaks().StartOrResumeSoak(Plan());
    ASSERT_TRUE(same.ok()) << same.status();
    EXPECT_EQ(same->id, id);
    EXPECT_EQ(same->restart_count, 1);
    EXPECT_EQ(daemon.executor().executed().front().spec.seed,
              DrawSoakStep(Plan(), steps_before).seed);
    SoakPlan changed = Plan();
    changed.entries[0].weight = 5;
    EXPECT_NE(daemon.soaks().StartOrResumeSoak(changed)->id, id);
    EXPECT_EQ(daemon.AwaitEnded(id).state, SoakState::kStopped);
  }
}

TEST(SoakManagerTest, ARunCutOffByAKilledDaemonIsCountedAndItsReplacementToo) {
  MemoryRunSink sink;
  SoakRecord soak;
  soak.id = 3;
  soak.plan = Plan();
  soak.step_count = 1;
  ASSERT_TRUE(sink.PutSoak(soak).ok());
  RunRecord cut_off;
  cut_off.id = 5;
  cut_off.state = RunState::kRunning;
  cut_off.spec = DrawSoakStep(soak.plan, 0);
  cut_off.spec.soak_id = 3;
  ASSERT_TRUE(sink.PutRun(cut_off).ok());
  Daemon daemon(&sink);
  daemon.AwaitRuns(6);
  EXPECT_EQ(sink.GetRun(5)->outcome.verdict, Verdict::kError);
  EXPECT_EQ(sink.GetRun(6)->requeued_from_id, 5);
  ASSERT_TRUE(daemon.soaks().StopSoak(3).ok());
  const SoakRecord ended = daemon.AwaitEnded(3);
  // The cut-off run comes on top of the steps.
  EXPECT_EQ(RunCount(ended), ended.step_count + 1);
}

}  // namespace
}  // namespace stressd::runs
