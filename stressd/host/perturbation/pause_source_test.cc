#include "stressd/host/perturbation/pause_source.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "stressd/host/perturbation/point_name.h"

namespace stressd::host {
namespace {

PausePlan PlanOf(const std::string& text) { return PausePlan(*protocol::ParsePlan(text)); }

// A few points in turn, as a worker in a loop passes them.
std::vector<uint64_t> SomePoints(size_t count) {
  std::vector<uint64_t> hashes;
  for (size_t i = 0; i < count; ++i) hashes.push_back(PointHash("point." + std::to_string(i)));
  return hashes;
}

std::vector<Pause> Take(PauseSource& source, size_t pass_count) {
  const std::vector<uint64_t> points = SomePoints(300);
  std::vector<Pause> pauses;
  for (size_t i = 0; i < pass_count; ++i) pauses.push_back(source.Next(points[i % 300]));
  return pauses;
}

int64_t CountOf(const std::vector<Pause>& pauses, Pause::Kind kind) {
  return std::count_if(pauses.begin(), pauses.end(),
                       [kind](const Pause& pause) { return pause.kind == kind; });
}

TEST(PauseSourceTest, SeedAndStreamFixEveryDecision) {
  for (const char* text : {"uniform", "focus", "pct:window_count=500", "starve:period_count=100"}) {
    const PausePlan plan = PlanOf(text);
    PauseSource first(&plan, 7, 3);
    PauseSource again(&plan, 7, 3);
    PauseSource other_stream(&plan, 7, 4);
    PauseSource other_seed(&plan, 8, 3);
    const std::vector<Pause> pauses = Take(first, 50'000);
    EXPECT_GT(CountOf(pauses, Pause::Kind::kDelay), 0) << text;
    EXPECT_EQ(Take(again, 50'000), pauses) << text;
    EXPECT_NE(Take(other_stream, 50'000), pauses) << text;
    EXPECT_NE(Take(other_seed, 50'000), pauses) << text;
  }
}

TEST(PauseSourceTest, UniformPausesAsOftenAndAsLongAsItIsTold) {
  const PausePlan plan = PlanOf("uniform:per_million=10000,max_delay_us=3,yield_percent=30");
  PauseSource source(&plan, 1, 1);
  const std::vector<Pause> pauses = Take(source, 1'000'000);
  const int64_t yields = CountOf(pauses, Pause::Kind::kYield);
  const int64_t delays = CountOf(pauses, Pause::Kind::kDelay);
  EXPECT_NEAR(static_cast<double>(yields + delays), 10'000, 500);
  EXPECT_NEAR(static_cast<double>(yields), 3000, 300);
  for (const Pause& pause : pauses) {
    if (pause.kind != Pause::Kind::kDelay) continue;
    EXPECT_GE(pause.delay_ns, 64);
    EXPECT_LE(pause.delay_ns, 3000);
  }
}

TEST(PauseSourceTest, EveryPassPausesAtAMillionInAMillion) {
  const PausePlan plan = PlanOf("uniform:per_million=1000000,yield_percent=100");
  PauseSource source(&plan, 1, 1);
  EXPECT_EQ(CountOf(Take(source, 1000), Pause::Kind::kYield), 1000);
}

TEST(PauseSourceTest, FocusPausesAtTheNamedPointsOnly) {
  const PausePlan plan = PlanOf("focus:points=point.5+point.9,percent=50");
  PauseSource source(&plan, 1, 1);
  const std::vector<Pause> pauses = Take(source, 300'000);
  int64_t count = 0;
  for (size_t i = 0; i < pauses.size(); ++i) {
    if (pauses[i].kind == Pause::Kind::kNone) continue;
    EXPECT_TRUE(i % 300 == 5 || i % 300 == 9) << i % 300;
    ++count;
  }
  EXPECT_NEAR(static_cast<double>(count), 1000, 100);
}

TEST(PauseSourceTest, FocusOnAnyKeepsToAFewPointsForAPeriodAndThenDrawsOthers) {
  const PausePlan plan = PlanOf("focus:percent=100,period_count=30000");
  PauseSource source(&plan, 1, 1);
  const std::vector<Pause> pauses = Take(source, 20 * 30'000);
  std::vector<std::vector<size_t>> chosen(20);
  for (size_t i = 0; i < pauses.size(); ++i) {
    if (pauses[i].kind == Pause::Kind::kNone) continue;
    std::vector<size_t>& of_period = chosen[i / 30'000];
    if (std::find(of_period.begin(), of_period.end(), i % 300) == of_period.end()) {
      of_period.push_back(i % 300);
    }
  }
  size_t sum = 0;
  for (const std::vector<size_t>& of_period : chosen) {
    EXPECT_LE(of_period.size(), 20u);
    sum += of_period.size();
  }
  // 300 / 64 on average.
  EXPECT_GT(sum, 40u);
  EXPECT_NE(chosen[0], chosen[1]);
}

TEST(PauseSourceTest, PctHasQuickAndSlowStretches) {
  const PausePlan plan = PlanOf("pct:depth=1,window_count=20000");
  PauseSource source(&plan, 1, 1);
  const std::vector<Pause> pauses = Take(source, 2'000'000);
  int quick = 0;
  int slow = 0;
  for (size_t begin = 0; begin < pauses.size(); begin += 2000) {
    const std::vector<Pause> stretch(pauses.begin() + static_cast<long>(begin),
                                     pauses.begin() + static_cast<long>(begin) + 2000);
    const int64_t count = 2000 - CountOf(stretch, Pause::Kind::kNone);
    if (count == 0) ++quick;
    if (count > 80) ++slow;
  }
  // Of 1000 stretches: lowness 0 never pauses, lowness 7 about 125 times.
  EXPECT_GT(quick, 50);
  EXPECT_GT(slow, 50);
}

TEST(PauseSourceTest, StarveStandsStillForItsWindow) {
  const PausePlan plan = PlanOf("starve:period_count=1000,window_us=777");
  PauseSource source(&plan, 1, 1);
  const std::vector<Pause> pauses = Take(source, 1'000'000);
  EXPECT_NEAR(static_cast<double>(CountOf(pauses, Pause::Kind::kDelay)), 1000, 150);
  for (const Pause& pause : pauses) {
    if (pause.kind != Pause::Kind::kNone) {
      EXPECT_EQ(pause, (Pause{Pause::Kind::kDelay, 777'000}));
    }
  }
}

TEST(PauseSourceTest, SlowPathsAndFailuresComeAtTheirRatesAndNames) {
  const PausePlan plan =
      PlanOf("slow-paths:per_million=250000;alloc-failure:per_million=100000,points=a.b");
  EXPECT_FALSE(plan.has_pauses());
  PauseSource source(&plan, 1, 1);
  int slow = 0;
  int failed = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (source.TakesSlowPath(PointHash("any.name"))) ++slow;
    if (source.FailsAllocation(PointHash("a.b"))) ++failed;
    EXPECT_FALSE(source.FailsAllocation(PointHash("a.c")));
    EXPECT_EQ(source.Next(PointHash("a.b")), Pause());
  }
  EXPECT_NEAR(slow, 2500, 200);
  EXPECT_NEAR(failed, 1000, 150);
}

TEST(PointNameTest, NameAndHashAgree) {
  const rt::SchedulePointSite named = rt::SchedulePointSite::Named("folder.what");
  EXPECT_EQ(PointName(named), "folder.what");
  EXPECT_EQ(PointHash(named), PointHash(std::string_view("folder.what")));
  const rt::SchedulePointSite placed(nullptr, "bazel-out/x/runtime/sync/mutex.h", 1062);
  EXPECT_EQ(PointName(placed), "runtime/sync/mutex.h:1062");
  EXPECT_EQ(PointHash(placed), PointHash(std::string_view("runtime/sync/mutex.h:1062")));
}

}  // namespace
}  // namespace stressd::host
