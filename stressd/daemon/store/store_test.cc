#include "stressd/daemon/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace stressd::store {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

std::string FreshFile() {
  std::string path = testing::TempDir() + "/store_XXXXXX";
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path + "/stressd.db";
}

std::unique_ptr<Store> OpenOrDie(const std::string& path,
                                 RetentionPolicy policy = {.age_max = absl::InfiniteDuration()}) {
  auto store = Store::Open(path, policy);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

runs::RunRecord FullRun(int64_t id) {
  runs::RunRecord run;
  run.id = id;
  run.spec.scenario = "thread-churn";
  run.spec.flavor = "asan";
  run.spec.host_kind = runs::HostKind::kFresh;
  run.spec.parameters = {{"threads", "8"}, {"pause", "250ms"}};
  run.spec.seed = std::numeric_limits<uint64_t>::max();
  run.spec.plan = "pct:depth=3,window_count=20000,max_delay_us=50";
  run.spec.duration = absl::Milliseconds(1500);
  run.spec.time_limit = absl::Minutes(2);
  run.spec.request_id = "request-" + std::to_string(id);
  run.spec.soak_id = 3;
  run.spec.repetition_id = 2;
  run.state = runs::RunState::kFinished;
  run.sequence = 17;
  run.cancel_requested = true;
  run.requeued_from_id = 1;
  run.requeue_count = 2;
  run.create_time = kNow;
  run.start_time = kNow + absl::Seconds(1);
  run.end_time = kNow + absl::Seconds(2);
  run.progress.phase = "check";
  run.progress.operation_count = 99;
  run.progress.elapsed = absl::Seconds(1);
  run.outcome.verdict = runs::Verdict::kSanitizerReport;
  run.outcome.summary = "a report";
  run.outcome.violations = {{"heap-balance", "3 blocks left", "a.cc:1"}};
  run.outcome.counters = {{"attach", 4}, {"detach", -4}};
  run.outcome.references = {{"number", 1, 2}, {"total", 1, 2}};
  run.outcome.balance = {{"qsbr_slots", 1, 1}};
  run.outcome.measurements = {{"fork_ns", 12345}};
  run.outcome.points = {{"runtime/sync/mutex.h:62", 17}};
  run.outcome.operation_count = 100;
  run.outcome.run_duration = absl::Nanoseconds(123456789);
  run.outcome.start_latency = absl::Microseconds(7);
  run.outcome.report = "report with \xff bytes and 'quotes'";
  run.outcome.stacks = "stacks";
  run.outcome.events = {{1, 2, "attach", 3, 4}};
  run.outcome.host = {.pid = 77, .exit_code = 66};
  run.outcome.build_id = "abcdef";
  run.finding_id = 5;
  run.more_finding_ids = {4, 2};
  return run;
}

TEST(StoreTest, RunSurvivesReopeningWithEveryField) {
  const std::string path = FreshFile();
  const runs::RunRecord run = FullRun(12);
  ASSERT_TRUE(OpenOrDie(path)->PutRun(run).ok());
  const auto read = OpenOrDie(path)->GetRun(12);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->spec.scenario, run.spec.scenario);
  EXPECT_EQ(read->spec.flavor, run.spec.flavor);
  EXPECT_EQ(read->spec.host_kind, run.spec.host_kind);
  EXPECT_EQ(read->spec.parameters, run.spec.parameters);
  EXPECT_EQ(read->spec.seed, run.spec.seed);
  EXPECT_EQ(read->spec.plan, run.spec.plan);
  EXPECT_EQ(read->spec.duration, run.spec.duration);
  EXPECT_EQ(read->spec.time_limit, run.spec.time_limit);
  EXPECT_EQ(read->spec.request_id, run.spec.request_id);
  EXPECT_EQ(read->spec.soak_id, 3);
  EXPECT_EQ(read->spec.repetition_id, 2);
  EXPECT_EQ(read->state, run.state);
  EXPECT_EQ(read->sequence, 17u);
  EXPECT_TRUE(read->cancel_requested);
  EXPECT_EQ(read->requeued_from_id, 1);
  EXPECT_EQ(read->requeue_count, 2);
  EXPECT_EQ(read->create_time, run.create_time);
  EXPECT_EQ(read->start_time, run.start_time);
  EXPECT_EQ(read->end_time, run.end_time);
  EXPECT_EQ(read->progress.phase, "check");
  EXPECT_EQ(read->progress.operation_count, 99);
  EXPECT_EQ(read->verdict(), run.verdict());
  EXPECT_EQ(read->outcome.summary, "a report");
  ASSERT_THAT(read->outcome.violations, SizeIs(1));
  EXPECT_EQ(read->outcome.violations[0].rule, "heap-balance");
  ASSERT_THAT(read->outcome.counters, SizeIs(2));
  EXPECT_EQ(read->outcome.counters[1].value, -4);
  ASSERT_THAT(read->outcome.references, SizeIs(2));
  EXPECT_EQ(read->outcome.references[0].after, 2);
  ASSERT_THAT(read->outcome.balance, SizeIs(1));
  EXPECT_EQ(read->outcome.balance[0].name, "qsbr_slots");
  ASSERT_THAT(read->outcome.measurements, SizeIs(1));
  ASSERT_THAT(read->outcome.points, SizeIs(1));
  EXPECT_EQ(read->outcome.points[0].name, "runtime/sync/mutex.h:62");
  EXPECT_EQ(read->outcome.run_duration, run.outcome.run_duration);
  EXPECT_EQ(read->outcome.start_latency, run.outcome.start_latency);
  EXPECT_EQ(read->outcome.report, run.outcome.report);
  EXPECT_EQ(read->outcome.stacks, "stacks");
  ASSERT_THAT(read->outcome.events, SizeIs(1));
  EXPECT_EQ(read->outcome.events[0].argument, 4);
  EXPECT_EQ(read->outcome.host.pid, 77);
  EXPECT_EQ(read->outcome.host.exit_code, 66);
  EXPECT_EQ(read->outcome.host.signal, -1);
  EXPECT_EQ(read->outcome.build_id, "abcdef");
  EXPECT_EQ(read->finding_id, 5);
  EXPECT_EQ(read->more_finding_ids, (std::vector<int64_t>{4, 2}));
}

TEST(StoreTest, PutReplacesTheRunOfThatId) {
  const auto store = OpenOrDie(FreshFile());
  runs::RunRecord run = FullRun(1);
  run.state = runs::RunState::kQueued;
  run.outcome = {};
  ASSERT_TRUE(store->PutRun(run).ok());
  EXPECT_THAT(*store->LoadUnfinishedRuns(), SizeIs(1));
  ASSERT_TRUE(store->PutRun(FullRun(1)).ok());
  EXPECT_THAT(*store->LoadUnfinishedRuns(), SizeIs(0));
  EXPECT_EQ(store->GetRun(1)->outcome.report, FullRun(1).outcome.report);
}

TEST(StoreTest, RequestIdIsUnique) {
  const auto store = OpenOrDie(FreshFile());
  ASSERT_TRUE(store->PutRun(FullRun(1)).ok());
  runs::RunRecord second = FullRun(2);
  second.spec.request_id = "request-1";
  EXPECT_FALSE(store->PutRun(second).ok());
  EXPECT_EQ(store->FindRunByRequestId("request-1")->id, 1);
  EXPECT_EQ(store->FindRunByRequestId("other").status().code(), absl::StatusCode::kNotFound);
  // Without a request id there is nothing to be unique.
  for (int64_t id = 3; id < 6; ++id) {
    runs::RunRecord run = FullRun(id);
    run.spec.request_id.clear();
    EXPECT_TRUE(store->PutRun(run).ok());
  }
}

TEST(StoreTest, ListsNewestFirstByFilterAndPage) {
  const auto store = OpenOrDie(FreshFile());
  for (int64_t id = 1; id <= 10; ++id) {
    runs::RunRecord run = FullRun(id);
    if (id % 2 == 0) run.spec.scenario = "fork-storm";
    run.spec.soak_id = id > 8 ? 4 : 0;
    run.spec.repetition_id = id >= 6 && id <= 7 ? 5 : 0;
    ASSERT_TRUE(store->PutRun(run).ok());
  }
  const auto ids = [&store](const runs::RunQuery& query) {
    std::vector<int64_t> found;
    const auto listed = store->ListRuns(query);
    for (const runs::RunRecord& run : *listed) {
      found.push_back(run.id);
      EXPECT_EQ(run.outcome.report, "");
      EXPECT_THAT(run.outcome.counters, SizeIs(2));
    }
    return found;
  };
  using Ids = std::vector<int64_t>;
  EXPECT_EQ(ids({.limit = 3}), (Ids{10, 9, 8}));
  EXPECT_EQ(ids({.before_id = 3}), (Ids{2, 1}));
  EXPECT_EQ(ids({.scenario = "fork-storm", .before_id = 9}), (Ids{8, 6, 4, 2}));
  EXPECT_EQ(ids({.soak_id = 4}), (Ids{10, 9}));
  EXPECT_EQ(ids({.repetition_id = 5}), (Ids{7, 6, 5}));
  EXPECT_EQ(ids({.verdict = runs::Verdict::kPassed}), Ids{});
  EXPECT_EQ(ids({.flavor = "'; DROP TABLE run; --"}), Ids{});
  EXPECT_EQ(*store->LastRunId(), 10);
}

// A daemon that is killed: what was put before is there for the next one.
TEST(StoreTest, UnfinishedRunsAreThereAfterAKill) {
  const std::string path = FreshFile();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = OpenOrDie(path);
    runs::RunRecord run = FullRun(1);
    run.state = runs::RunState::kRunning;
    run.outcome.verdict = runs::Verdict::kUnspecified;
    const bool put = store->PutRun(run).ok();
    if (write(ready[1], put ? "1" : "0", 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ready[1]);  // A child that dies early is an end of file.
  char put = 0;
  ASSERT_EQ(read(ready[0], &put, 1), 1);
  close(ready[0]);
  EXPECT_EQ(put, '1');
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  const auto runs = OpenOrDie(path)->LoadUnfinishedRuns();
  ASSERT_TRUE(runs.ok()) << runs.status();
  ASSERT_THAT(*runs, SizeIs(1));
  EXPECT_EQ(runs->front().state, runs::RunState::kRunning);
}

TEST(StoreTest, DamagedFileIsRefusedAndLeftAlone) {
  const std::string path = FreshFile();
  const std::string garbage(8192, 'x');
  std::ofstream(path) << garbage;
  const auto store = Store::Open(path, {});
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr(path));
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("move it away"));
  std::ifstream file(path);
  const std::string left((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(left, garbage);
}

TEST(StoreTest, FileDamagedInTheMiddleIsRefused) {
  const std::string path = FreshFile();
  {
    const auto store = OpenOrDie(path);
    for (int64_t id = 1; id <= 200; ++id) {
      ASSERT_TRUE(store->PutRun(FullRun(id)).ok());
    }
    ASSERT_TRUE(store->ApplyRetentionAt(kNow).ok());  // Empties the WAL.
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 2; page < 12; ++page) {
      file.seekp(page * 4096);
      file << std::string(4096, '\x5a');
    }
  }
  const auto store = Store::Open(path, {});
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss);
}

TEST(StoreTest, RetentionByAgeKeepsWhatIsNotFinished) {
  const auto store = OpenOrDie(FreshFile(), {.age_max = absl::Hours(24 * 36500)});
  runs::RunRecord old = FullRun(1);
  runs::RunRecord running = FullRun(2);
  running.state = runs::RunState::kRunning;
  running.end_time = absl::UnixEpoch();
  runs::RunRecord fresh = FullRun(3);
  fresh.end_time = kNow + absl::Hours(24 * 36500);
  for (const runs::RunRecord& run : {old, running, fresh}) {
    ASSERT_TRUE(store->PutRun(run).ok());
  }
  ASSERT_TRUE(store->PutHostSamples({{.sample_time = kNow, .process = "asan"}}).ok());
  runs::SoakRecord ended;
  ended.id = 1;
  ended.state = runs::SoakState::kFinished;
  ended.end_time = kNow;
  runs::SoakRecord active = ended;
  active.id = 2;
  active.state = runs::SoakState::kActive;
  ASSERT_TRUE(store->PutSoak(ended).ok());
  ASSERT_TRUE(store->PutSoak(active).ok());

  ASSERT_TRUE(store->ApplyRetentionAt(kNow + absl::Hours(24 * 36500 + 1)).ok());
  EXPECT_EQ(store->GetRun(1).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store->GetRun(2).ok());
  EXPECT_TRUE(store->GetRun(3).ok());
  EXPECT_THAT(*store->ListHostSamples("asan", 10), SizeIs(0));
  ASSERT_THAT(*store->ListSoaks(), SizeIs(1));
  EXPECT_EQ(store->ListSoaks().value().front().id, 2);
  // Ids are never given twice, also when their rows are gone.
  EXPECT_EQ(*store->LastRunId(), 3);
  EXPECT_EQ(*store->LastSoakId(), 2);
}

TEST(StoreTest, RetentionBySizeLosesRunsThatFoundNothingFirst) {
  constexpr int64_t kBytesMax = 1 << 20;
  const std::string path = FreshFile();
  const auto store =
      OpenOrDie(path, {.age_max = absl::InfiniteDuration(), .store_bytes_max = kBytesMax});
  // The oldest found something; 1400 runs of more than 1 KiB do not fit.
  for (int64_t id = 1; id <= 1400; ++id) {
    runs::RunRecord run = FullRun(id);
    run.finding_id = id <= 10 ? 1 : 0;
    run.outcome.report = std::string(1000, 'r');
    ASSERT_TRUE(store->PutRun(run).ok());
  }
  ASSERT_TRUE(store->ApplyRetentionAt(kNow).ok());
  for (int64_t id = 1; id <= 10; ++id) EXPECT_TRUE(store->GetRun(id).ok());
  EXPECT_FALSE(store->GetRun(11).ok());
  EXPECT_TRUE(store->GetRun(1400).ok());
  EXPECT_LE(store->Usage()->file_bytes, kBytesMax);
  EXPECT_GT(store->Usage()->run_count, 100);
}

TEST(StoreTest, SoakSurvivesReopeningWithEveryField) {
  const std::string path = FreshFile();
  runs::SoakRecord soak;
  soak.id = 4;
  soak.plan.name = "nightly";
  soak.plan.interval = absl::Seconds(10);
  soak.plan.duration = absl::Hours(2);
  soak.plan.seed = std::numeric_limits<uint64_t>::max();
  soak.plan.entries = {{.scenario = "fork-storm",
                        .flavors = {"plain", "tsan"},
                        .parameters = {{"threads", "4"}},
                        .weight = 3,
                        .run_duration = absl::Milliseconds(20),
                        .host_kind = runs::HostKind::kFresh}};
  soak.state = runs::SoakState::kActive;
  soak.create_time = kNow;
  soak.end_time = absl::UnixEpoch();
  soak.elapsed = absl::Minutes(3);
  soak.step_count = 5;
  soak.skipped_count = 1;
  soak.restart_count = 2;
  soak.last_run_id = 9;
  soak.last_finding_run_id = 8;
  soak.plan.canary_step_count = 7;
  soak.canary_run_count = 3;
  soak.silent_canary_run_count = 2;
  soak.last_silent_canary_run_id = 6;
  soak.tallies = {{.scenario = "fork-storm",
                   .flavor = "tsan",
                   .run_count = 4,
                   .verdict_counts = {{runs::Verdict::kPassed, 3}, {runs::Verdict::kHung, 1}},
                   .operation_count = 11,
                   .busy = absl::Seconds(6)}};
  ASSERT_TRUE(OpenOrDie(path)->PutSoak(soak).ok());
  const auto read = OpenOrDie(path)->GetSoak(4);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->plan.name, "nightly");
  EXPECT_EQ(read->plan.interval, soak.plan.interval);
  EXPECT_EQ(read->plan.duration, soak.plan.duration);
  EXPECT_EQ(read->plan.seed, soak.plan.seed);
  ASSERT_THAT(read->plan.entries, SizeIs(1));
  EXPECT_EQ(read->plan.entries[0].flavors, soak.plan.entries[0].flavors);
  EXPECT_EQ(read->plan.entries[0].parameters, soak.plan.entries[0].parameters);
  EXPECT_EQ(read->plan.entries[0].weight, 3);
  EXPECT_EQ(read->plan.entries[0].run_duration, absl::Milliseconds(20));
  EXPECT_EQ(read->plan.entries[0].host_kind, runs::HostKind::kFresh);
  EXPECT_EQ(read->state, runs::SoakState::kActive);
  EXPECT_EQ(read->create_time, kNow);
  EXPECT_EQ(read->elapsed, absl::Minutes(3));
  EXPECT_EQ(read->step_count, 5);
  EXPECT_EQ(read->skipped_count, 1);
  EXPECT_EQ(read->restart_count, 2);
  EXPECT_EQ(read->last_run_id, 9);
  EXPECT_EQ(read->last_finding_run_id, 8);
  EXPECT_EQ(read->plan.canary_step_count, 7);
  EXPECT_EQ(read->canary_run_count, 3);
  EXPECT_EQ(read->silent_canary_run_count, 2);
  EXPECT_EQ(read->last_silent_canary_run_id, 6);
  ASSERT_THAT(read->tallies, SizeIs(1));
  EXPECT_EQ(read->tallies[0].verdict_counts, soak.tallies[0].verdict_counts);
  EXPECT_EQ(read->tallies[0].busy, absl::Seconds(6));
  EXPECT_EQ(OpenOrDie(path)->GetSoak(5).status().code(), absl::StatusCode::kNotFound);
}

findings::Finding Seen(const std::string& fingerprint, int64_t run_id, absl::Time time) {
  findings::Finding seen;
  seen.fingerprint = fingerprint;
  seen.kind = "data race";
  seen.frames = {"a", "b"};
  seen.verdict = runs::Verdict::kSanitizerReport;
  seen.first_seen_time = seen.last_seen_time = time;
  seen.first_run_id = seen.last_run_id = run_id;
  seen.scenarios = {"thread-churn"};
  seen.flavors = {"tsan"};
  seen.report = "report of " + std::to_string(run_id);
  seen.counters = {{"attach", 3}};
  seen.events = {{1, 2, "attach", 3, 4}};
  return seen;
}

TEST(StoreTest, SameFingerprintIsOneFinding) {
  const auto store = OpenOrDie(FreshFile());
  const auto first = store->MergeFinding(Seen("f1", 1, kNow));
  ASSERT_TRUE(first.ok()) << first.status();
  findings::Finding again = Seen("f1", 2, kNow + absl::Seconds(5));
  again.scenarios = {"fork-storm"};
  EXPECT_EQ(*store->MergeFinding(again), *first);
  // One that was seen earlier but arrives late.
  EXPECT_EQ(*store->MergeFinding(Seen("f1", 3, kNow - absl::Seconds(5))), *first);
  const auto finding = store->GetFinding(*first);
  ASSERT_TRUE(finding.ok());
  EXPECT_EQ(finding->run_count, 3);
  EXPECT_EQ(finding->first_seen_time, kNow - absl::Seconds(5));
  EXPECT_EQ(finding->last_seen_time, kNow + absl::Seconds(5));
  EXPECT_EQ(finding->first_run_id, 1);
  EXPECT_EQ(finding->last_run_id, 2);
  EXPECT_EQ(finding->report, "report of 1");
  EXPECT_THAT(finding->scenarios, testing::ElementsAre("fork-storm", "thread-churn"));
  EXPECT_THAT(finding->counters, SizeIs(1));
  EXPECT_THAT(finding->events, SizeIs(1));
  EXPECT_THAT(finding->frames, testing::ElementsAre("a", "b"));
}

TEST(StoreTest, FindingsAreListedByLastSeen) {
  const auto store = OpenOrDie(FreshFile());
  const int64_t a = *store->MergeFinding(Seen("a", 1, kNow));
  const int64_t b = *store->MergeFinding(Seen("b", 2, kNow));
  const int64_t c = *store->MergeFinding(Seen("c", 3, kNow + absl::Seconds(1)));
  const auto ids = [&store](const findings::FindingQuery& query) {
    std::vector<int64_t> found;
    const auto listed = store->ListFindings(query);
    for (const auto& finding : *listed) {
      EXPECT_EQ(finding.report, "");
      found.push_back(finding.id);
    }
    return found;
  };
  using Ids = std::vector<int64_t>;
  EXPECT_EQ(ids({}), (Ids{c, b, a}));
  EXPECT_EQ(ids({.limit = 1}), (Ids{c}));
  EXPECT_EQ(ids({.before_last_seen_time = kNow, .before_id = b}), (Ids{a}));
  EXPECT_EQ(ids({.scenario = "thread-churn", .flavor = "tsan"}), (Ids{c, b, a}));
  EXPECT_EQ(ids({.flavor = "plain"}), Ids{});
  EXPECT_EQ(ids({.verdict = runs::Verdict::kHung}), Ids{});
}

TEST(StoreTest, HostSamplesAreAChronicle) {
  const auto store = OpenOrDie(FreshFile());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(store
                    ->PutHostSamples({{.sample_time = kNow + absl::Seconds(i),
                                       .process = "plain",
                                       .pid = 7,
                                       .rss_bytes = 1000 + i,
                                       .reference_total = i,
                                       .counters = {{"attach", i}}}})
                    .ok());
  }
  const auto samples = store->ListHostSamples("plain", 3);
  ASSERT_TRUE(samples.ok());
  ASSERT_THAT(*samples, SizeIs(3));
  EXPECT_EQ(samples->front().rss_bytes, 1002);
  EXPECT_EQ(samples->back().counters[0].value, 4);
}

TEST(StoreTest, ClosedStoreRefusesWrites) {
  const auto store = OpenOrDie(FreshFile());
  store->Close();
  EXPECT_EQ(store->PutRun(FullRun(1)).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace stressd::store
