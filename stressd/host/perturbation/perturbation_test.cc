#include "stressd/host/perturbation/perturbation.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/schedule_point.h"
#include "runtime/base/slow_path_point.h"

namespace stressd::host {
namespace {

// A clock that only delays move, and all that was done, of one thread.
int64_t fake_now_ns = 0;
int64_t fake_yield_count = 0;
std::vector<int64_t> fake_delays;

constexpr PauseActions kFakeActions = {
    [] { return fake_now_ns; },
    [] {
      ++fake_yield_count;
      errno = EAGAIN;
    },
    [](int64_t duration_ns) {
      fake_now_ns += duration_ns;
      fake_delays.push_back(duration_ns);
      errno = EINTR;
    },
};

class PerturbationTest : public testing::Test {
 protected:
  PerturbationTest() {
    fake_now_ns = 1000;
    fake_yield_count = 0;
    fake_delays.clear();
    Perturbation::SetActionsForTest(&kFakeActions);
  }
  ~PerturbationTest() override { Perturbation::SetActionsForTest(nullptr); }

  static protocol::Plan PlanOf(const std::string& text) { return *protocol::ParsePlan(text); }
};

int64_t PassesOf(const PerturbationReport& report, const std::string& name) {
  for (const PerturbationReport::Point& point : report.points) {
    if (point.name == name) return point.pass_count;
  }
  return 0;
}

void PassNamed() { RT_SCHEDULE_POINT("perturbation_test.point"); }
void PassOther() { RT_SCHEDULE_POINT("perturbation_test.other"); }

TEST_F(PerturbationTest, NoPlanInstallsNothing) {
  Perturbation none(PlanOf("none"), 1, false);
  ASSERT_TRUE(none.Start().ok());
  EXPECT_EQ(rt::SetScheduleHook(nullptr), nullptr);
  for (int i = 0; i < 1000; ++i) PassNamed();
  EXPECT_EQ(none.Stop().pass_count, 0);
}

TEST_F(PerturbationTest, PausesAreMadeAtThePointsAndCounted) {
  Perturbation uniform(PlanOf("uniform:per_million=1000000,yield_percent=50,max_delay_us=1"), 1,
                       false);
  ASSERT_TRUE(uniform.Start().ok());
  errno = 0;
  for (int i = 0; i < 100; ++i) PassNamed();
  for (int i = 0; i < 10; ++i) PassOther();
  EXPECT_EQ(errno, 0) << "a pause must not change it";
  const PerturbationReport report = uniform.Stop();
  EXPECT_EQ(report.pass_count, 110);
  EXPECT_EQ(report.pause_count, 110);
  EXPECT_EQ(static_cast<int64_t>(fake_delays.size()) + fake_yield_count, 110);
  EXPECT_GT(fake_yield_count, 20);
  EXPECT_GT(fake_delays.size(), 20u);
  EXPECT_EQ(PassesOf(report, "perturbation_test.point"), 100);
  EXPECT_EQ(PassesOf(report, "perturbation_test.other"), 10);
  EXPECT_EQ(report.points.front().name, "perturbation_test.point");
  EXPECT_EQ(rt::SetScheduleHook(nullptr), nullptr) << "P3";
}

TEST_F(PerturbationTest, ThreadWithoutAPlaceIsLeftAlone) {
  Perturbation uniform(PlanOf("uniform:per_million=1000000"), 1, false);
  ASSERT_TRUE(uniform.Start().ok());
  std::thread([] { PassNamed(); }).join();
  EXPECT_EQ(uniform.Stop().pass_count, 0);
}

TEST_F(PerturbationTest, SpinTurnsAreNoPasses) {
  Perturbation uniform(PlanOf("uniform:per_million=1000000"), 1, false);
  ASSERT_TRUE(uniform.Start().ok());
  rt::SchedulePoint(rt::SchedulePointKind::kSpin, nullptr, rt::SchedulePointSite::Named("s"));
  EXPECT_EQ(uniform.Stop().pass_count, 0);
}

TEST_F(PerturbationTest, WorkerIsPerturbedTheSameWayWhenTheSeedIsTheSame) {
  const auto run = [](uint64_t seed) {
    fake_now_ns = 1000;
    fake_delays.clear();
    Perturbation uniform(PlanOf("uniform:per_million=100000,max_delay_us=10"), seed, false);
    EXPECT_TRUE(uniform.Start().ok());
    // Two in a row have the same place and not the same draws.
    std::vector<int64_t> by_tenant[2];
    for (std::vector<int64_t>& delays : by_tenant) {
      fake_delays.clear();
      std::thread([&uniform] {
        uniform.Enter(3);
        for (int i = 0; i < 500; ++i) PassNamed();
        uniform.Leave();
      }).join();
      delays = fake_delays;
    }
    EXPECT_NE(by_tenant[0], by_tenant[1]);
    (void)uniform.Stop();
    return by_tenant[1];
  };
  const std::vector<int64_t> first = run(5);
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(run(5), first);
  EXPECT_NE(run(6), first);
}

TEST_F(PerturbationTest, DelaysTakeAtMostHalfOfTheTime) {
  Perturbation starve(PlanOf("starve:period_count=100,window_us=1000"), 1, false);
  ASSERT_TRUE(starve.Start().ok());
  // A worker that does nothing else.
  for (int i = 0; i < 100'000; ++i) PassNamed();
  const PerturbationReport report = starve.Stop();
  EXPECT_GT(report.paused_ns, 0);
  EXPECT_LE(report.paused_ns, (fake_now_ns - 1000) / 2 + kPausedGraceNs) << "P1";
  EXPECT_LT(report.pause_count, 10);
}

TEST_F(PerturbationTest, DelaysHaveAnEnd) {
  Perturbation starve(PlanOf("starve:period_count=100,window_us=1000000"), 1, false);
  ASSERT_TRUE(starve.Start().ok());
  for (int i = 0; i < 100'000; ++i) {
    fake_now_ns += 2'000'000;  // The worker's own work: 200 s of it.
    PassNamed();
  }
  const PerturbationReport report = starve.Stop();
  EXPECT_LE(report.paused_ns, kPausedMaxNs) << "P1";
  EXPECT_GT(report.paused_ns, kPausedMaxNs / 2);
}

TEST_F(PerturbationTest, SlowPathsAreTakenWhereThePlanSaysSo) {
  Perturbation slow(PlanOf("slow-paths:points=perturbation_test.slow,per_million=1000000"), 1,
                    false);
  ASSERT_TRUE(slow.Start().ok());
  EXPECT_TRUE(rt::TakesSlowPath("perturbation_test.slow"));
  EXPECT_FALSE(rt::TakesSlowPath("perturbation_test.not_slow"));
  EXPECT_EQ(slow.Stop().slow_path_count, 1);
  EXPECT_FALSE(rt::TakesSlowPath("perturbation_test.slow"));
}

TEST_F(PerturbationTest, AllocationsFailOnWorkersOfScenariosThatBearIt) {
  for (const bool bears : {true, false}) {
    Perturbation failure(PlanOf("alloc-failure:per_million=1000000"), 1, bears);
    ASSERT_TRUE(failure.Start().ok());
    EXPECT_FALSE(rt::FaultPoint("perturbation_test.fault")) << "the main thread";
    std::thread([&] {
      failure.Enter(0);
      EXPECT_EQ(rt::FaultPoint("perturbation_test.fault"), bears);
      failure.Leave();
    }).join();
    EXPECT_EQ(failure.Stop().failure_count, bears ? 1 : 0);
  }
}

std::atomic<int> handled_count{0};

TEST_F(PerturbationTest, SignalsReachTheWorkers) {
  Perturbation signals(PlanOf("signals:period_us=20"), 1, false);
  ASSERT_TRUE(signals.Start().ok());
  struct sigaction handler = {};
  sigaction(SIGURG, nullptr, &handler);
  EXPECT_NE(handler.sa_handler, SIG_DFL);
  EXPECT_NE(handler.sa_flags & SA_RESTART, 0);
  // One that counts in the place of the one that does nothing.
  handler.sa_handler = [](int) { handled_count.fetch_add(1); };
  sigaction(SIGURG, &handler, nullptr);
  std::thread([&] {
    signals.Enter(0);
    while (handled_count.load() < 10) sched_yield();
    signals.Leave();
  }).join();
  EXPECT_GE(signals.Stop().signal_count, 10);
  sigaction(SIGURG, nullptr, &handler);
  EXPECT_EQ(handler.sa_handler, SIG_DFL) << "P3";
}

TEST_F(PerturbationTest, FewerProcessorsAndBusyThreadsAreForTheRunOnly) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  Perturbation crowd(PlanOf("oversubscribe:threads=2,processors=1"), 1, false);
  ASSERT_TRUE(crowd.Start().ok());
  cpu_set_t during;
  ASSERT_EQ(sched_getaffinity(0, sizeof(during), &during), 0);
  EXPECT_EQ(CPU_COUNT(&during), 1);
  (void)crowd.Stop();
  cpu_set_t after;
  ASSERT_EQ(sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after)) << "P3";
}

}  // namespace
}  // namespace stressd::host
