#include "stressd/host/scenario/scenario_context.h"

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/round_loop.h"

namespace stressd::host {
namespace {

using ::testing::HasSubstr;

class ManualClock final : public Clock {
 public:
  absl::Duration Now() const override { return now; }
  absl::Duration now = absl::Seconds(100);
};

class ScenarioContextTest : public testing::Test {
 protected:
  ScenarioContextTest() : runtime_(rt::Runtime::Create()), thread_(*runtime_->main_interpreter()) {}

  ScenarioContext::Options Options() {
    return {.runtime = runtime_.get(),
            .interpreter = runtime_->main_interpreter(),
            .main_thread = thread_.get(),
            .seed = 5};
  }

  std::unique_ptr<rt::Runtime> runtime_;
  rt::ScopedThreadState thread_;
};

TEST_F(ScenarioContextTest, WorkersRunOnThreadsOfTheirOwnWithTheirOwnDraws) {
  ScenarioContext context(Options());
  std::vector<uint64_t> draws(8);
  std::atomic<int> at_work{0};
  for (int round = 0; round < 2; ++round) {
    const absl::Status status = context.RunWorkers(4, [&](Worker& worker) {
      EXPECT_EQ(worker.count, 4);
      EXPECT_EQ(rt::CurrentThreadState(), nullptr);
      draws[static_cast<size_t>(4 * round + worker.index)] = worker.prng.Next();
      at_work.fetch_add(1);
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    // The main thread is attached again.
    EXPECT_EQ(rt::CurrentThreadState(), thread_.get());
  }
  EXPECT_EQ(at_work.load(), 8);
  EXPECT_EQ(std::set<uint64_t>(draws.begin(), draws.end()).size(), 8u);
}

// A worker stops the world: the main thread, which only waits, must not be in
// its way.
TEST_F(ScenarioContextTest, MainThreadIsDetachedWhileWorkersRun) {
  ScenarioContext context(Options());
  const absl::Status status = context.RunWorkers(1, [&](Worker&) {
    rt::ScopedThreadState thread(context.interpreter());
    EXPECT_TRUE(rt::StopTheWorld(*thread, rt::StopScope::kInterpreter));
    rt::StartTheWorld(*thread);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(ScenarioContextTest, AFailingWorkerIsNamedAndStopsTheOthers) {
  ScenarioContext context(Options());
  const absl::Status status = context.RunWorkers(3, [&](Worker& worker) {
    if (worker.index == 1) return absl::InternalError("broken");
    while (!context.ShouldStop()) context.progress().Heartbeat();
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("worker 1 of 3: broken"));
  EXPECT_TRUE(context.ShouldStop());
}

TEST_F(ScenarioContextTest, StopsByFlagRequestAndTime) {
  ManualClock clock;
  std::atomic<bool> stop{false};
  ScenarioContext::Options options = Options();
  options.clock = &clock;
  options.stop = &stop;
  options.duration = absl::Seconds(2);
  {
    ScenarioContext context(options);
    context.BeginWork();
    EXPECT_FALSE(context.ShouldStop());
    stop = true;
    EXPECT_TRUE(context.ShouldStop());
    stop = false;
    context.RequestStop();
    EXPECT_TRUE(context.ShouldStop());
  }
  ScenarioContext context(options);
  clock.now += absl::Hours(1);  // A long SetUp().
  EXPECT_FALSE(context.ShouldStop());
  context.BeginWork();
  clock.now += absl::Milliseconds(1999);
  EXPECT_FALSE(context.ShouldStop());
  clock.now += absl::Milliseconds(1);
  EXPECT_TRUE(context.ShouldStop());
  EXPECT_FALSE(context.IsCancelled());
}

TEST_F(ScenarioContextTest, WithoutADurationALoopMakesTheDeclaredRounds) {
  ManualClock clock;
  ScenarioContext::Options options = Options();
  options.clock = &clock;
  ScenarioContext context(options);
  context.BeginWork();
  RoundLoop loop(context, context.prng(), 3);
  int count = 0;
  for (; loop.Next(); ++count) clock.now += absl::Hours(1);
  EXPECT_EQ(count, 3);
  EXPECT_EQ(loop.begun_count(), 3);
  EXPECT_FALSE(loop.Next());
}

TEST_F(ScenarioContextTest, WithADurationALoopGoesOnUntilItHasPassed) {
  ManualClock clock;
  ScenarioContext::Options options = Options();
  options.clock = &clock;
  options.duration = absl::Milliseconds(300);
  ScenarioContext context(options);
  context.BeginWork();
  RoundLoop more(context, context.prng(), 3);
  int count = 0;
  for (; more.Next(); ++count) clock.now += absl::Milliseconds(40);
  EXPECT_EQ(count, 8);
  // The time is up: one round all the same (L1), though three are declared.
  RoundLoop fewer(context, context.prng(), 3);
  EXPECT_TRUE(fewer.Next());
  EXPECT_FALSE(fewer.Next());
}

TEST_F(ScenarioContextTest, ACancelledLoopMakesNoRound) {
  const std::atomic<bool> stop{true};
  ScenarioContext::Options options = Options();
  options.stop = &stop;
  options.duration = absl::Seconds(1);
  ScenarioContext context(options);
  context.BeginWork();
  RoundLoop loop(context, context.prng(), 3);
  EXPECT_FALSE(loop.Next());
}

// What main thread and workers draw in a round, where every round but the
// `greedy` one draws once.
std::vector<uint64_t> RoundDraws(const ScenarioContext::Options& options, int greedy) {
  ScenarioContext context(options);
  RoundLoop loop(context, context.prng(), 3);
  std::vector<uint64_t> draws;
  for (int round = 0; loop.Next(); ++round) {
    draws.push_back(context.prng().Next());
    if (round == greedy) (void)context.prng().Next();
    std::vector<uint64_t> of_workers(2);
    const absl::Status status = context.RunWorkers(2, [&](Worker& worker) {
      of_workers[static_cast<size_t>(worker.index)] = worker.prng.Next();
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    draws.insert(draws.end(), of_workers.begin(), of_workers.end());
  }
  return draws;
}

TEST_F(ScenarioContextTest, SeedAndNumberFixTheDrawsOfARound) {
  const std::vector<uint64_t> draws = RoundDraws(Options(), -1);
  EXPECT_EQ(std::set<uint64_t>(draws.begin(), draws.end()).size(), 9u);
  EXPECT_EQ(RoundDraws(Options(), 0), draws);
  ScenarioContext::Options other = Options();
  other.seed = 6;
  EXPECT_NE(RoundDraws(other, -1), draws);
}

TEST_F(ScenarioContextTest, ProgressAndMeasurementsAreKept) {
  ScenarioContext context(Options());
  context.progress().Count(7);
  context.progress().Heartbeat();
  EXPECT_EQ(context.progress().operations(), 7u);
  EXPECT_EQ(context.progress().heartbeat(), 2u);
  context.Measure("rounds_count", 3);
  EXPECT_EQ(context.measurements().at("rounds_count"), 3);
}

TEST_F(ScenarioContextTest, SeedFixesTheDraws) {
  ScenarioContext first(Options());
  ScenarioContext second(Options());
  EXPECT_EQ(first.prng().Next(), second.prng().Next());
  ScenarioContext::Options other = Options();
  other.seed = 6;
  ScenarioContext third(other);
  EXPECT_NE(first.prng().Next(), third.prng().Next());
}

}  // namespace
}  // namespace stressd::host
