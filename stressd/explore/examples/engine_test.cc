// The engine through its driver: what each kernel and each interposed family
// must and must not show.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stressd/explore/driver/campaign.h"
#include "stressd/explore/driver/exhaustive.h"
#include "stressd/explore/driver/investigation.h"
#include "stressd/explore/driver/optional_parts.h"
#include "stressd/explore/driver/statistics.h"

namespace explore {
namespace {

CampaignOptions Kernel(const std::string& name, MemoryModel model = MemoryModel::kSequential) {
  CampaignOptions options;
  options.command = {"stressd/explore/examples/kernels", name};
  options.schedules = 1000;
  options.model = model;
  options.timeout_s = 30;
  options.max_steps = 3000;
  options.stop_at_first = true;
  return options;
}

Verdict VerdictOf(const CampaignOptions& options) {
  const CampaignResult result = RunCampaign(options);
  EXPECT_EQ(result.error, "");
  return result.findings.empty() ? Verdict::kPassed : result.findings[0].verdict;
}

TEST(KernelTest, EveryStrategyFindsALostUpdate) {
  for (const Arm& arm : Portfolio()) {
    CampaignOptions options = Kernel("lossy");
    options.arms = {arm};
    EXPECT_EQ(VerdictOf(options), Verdict::kCheck) << arm.Name();
  }
}

TEST(KernelTest, VerdictsOfKernels) {
  EXPECT_EQ(VerdictOf(Kernel("count")), Verdict::kPassed);
  EXPECT_EQ(VerdictOf(Kernel("half-fenced")), Verdict::kDataRace);
  EXPECT_EQ(VerdictOf(Kernel("free-twice")), Verdict::kDoubleFree);
  EXPECT_EQ(VerdictOf(Kernel("spin")), Verdict::kPassed);
  EXPECT_EQ(VerdictOf(Kernel("spin-for-ever")), Verdict::kLivelock);
  EXPECT_EQ(VerdictOf(Kernel("thread-local")), Verdict::kPassed);
  EXPECT_EQ(VerdictOf(Kernel("crash")), Verdict::kCrashed);
}

TEST(KernelTest, FencesOrderInEveryModel) {
  for (const MemoryModel model : {MemoryModel::kSequential, MemoryModel::kTso, MemoryModel::kPso}) {
    EXPECT_EQ(VerdictOf(Kernel("fenced", model)), Verdict::kPassed) << ModelName(model);
  }
}

TEST(KernelTest, UseAfterFreeIsSeenWhereRacesAreNot) {
  CampaignOptions options = Kernel("use-freed");
  options.detect_races = false;
  EXPECT_EQ(VerdictOf(options), Verdict::kUseAfterFree);
}

// As for malloc, for allocators that say what is dead (annotate.h).
TEST(KernelTest, VerdictsOfAnAnnotatedPool) {
  EXPECT_EQ(VerdictOf(Kernel("pool-use-freed")), Verdict::kUseAfterFree);
  EXPECT_EQ(VerdictOf(Kernel("pool-free-twice")), Verdict::kDoubleFree);
  EXPECT_EQ(VerdictOf(Kernel("pool-racing-free")), Verdict::kDataRace);
  EXPECT_EQ(VerdictOf(Kernel("pool-reuse")), Verdict::kPassed);
}

TEST(KernelTest, EachModelShowsItsOwnOutcomesOnly) {
  EXPECT_EQ(VerdictOf(Kernel("store-buffering", MemoryModel::kSequential)), Verdict::kPassed);
  EXPECT_EQ(VerdictOf(Kernel("store-buffering", MemoryModel::kTso)), Verdict::kCheck);
  EXPECT_EQ(VerdictOf(Kernel("message-passing", MemoryModel::kTso)), Verdict::kPassed);
  CampaignOptions weaker = Kernel("message-passing", MemoryModel::kPso);
  weaker.schedules = 20000;
  EXPECT_EQ(VerdictOf(weaker), Verdict::kCheck);
}

TEST(KernelTest, ExhaustiveSearchEndsAndFindsWhatIsThere) {
  const auto any = [](const Finding&) { return true; };
  for (const bool delays : {false, true}) {
    const CampaignOptions broken = Kernel("lossy");
    Target target(broken.command, broken.timeout_s);
    ASSERT_EQ(target.Start(), "");
    ExhaustiveResult result = SearchExhaustively(target, broken, 2, delays, 10000, any);
    EXPECT_EQ(result.finding.verdict, Verdict::kCheck);
    EXPECT_EQ(result.finding.preemptions, 1u);
    const CampaignOptions sound = Kernel("fenced");
    Target other(sound.command, sound.timeout_s);
    ASSERT_EQ(other.Start(), "");
    result = SearchExhaustively(other, sound, 3, delays, 10000, any);
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(result.finding.verdict, Verdict::kPassed);
    EXPECT_GT(result.schedules, 5u);
  }
}

TEST(KernelTest, SameSeedSameSignatureOtherSeedOther) {
  const CampaignOptions options = Kernel("count");
  Target target(options.command, options.timeout_s);
  ASSERT_EQ(target.Start(), "");
  ScheduleName name;
  std::vector<uint64_t> seen;
  for (const uint64_t seed : {7, 7, 8}) {
    name.seed = seed;
    RunNamed(target, options, name, /*trace=*/false);
    seen.push_back(target.result().signatures[0]);
  }
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_NE(seen[0], seen[2]);
}

TEST(OptionalPartsTest, AKernelIsLeftWithTwoThreadsOfOneTurn) {
  for (const MemoryModel model : {MemoryModel::kSequential, MemoryModel::kTso}) {
    const CampaignOptions options = Kernel("spare", model);
    const CampaignResult result = RunCampaign(options);
    ASSERT_EQ(result.failed, 1u);
    Target target(options.command, options.timeout_s);
    ASSERT_EQ(target.Start(), "");
    const Minimized minimized = Minimize(target, options, result.findings[0]);
    EXPECT_EQ(minimized.asked_parts, 0x1ffu);
    // Thread 0 with its turns, and the first turn of each of the others.
    EXPECT_EQ(minimized.left_out, 0b010111001u) << ModelName(model);
    EXPECT_EQ(minimized.finding.message, "additions were lost");
  }
}

TEST(OptionalPartsTest, WhatAFindingWithoutPreemptionsNeedsStays) {
  const CampaignOptions options = Kernel("too-early");
  const CampaignResult result = RunCampaign(options);
  ASSERT_EQ(result.failed, 1u);
  Target target(options.command, options.timeout_s);
  ASSERT_EQ(target.Start(), "");
  const Minimized minimized = Minimize(target, options, result.findings[0]);
  EXPECT_EQ(minimized.finding.preemptions, 0u);
  EXPECT_EQ(minimized.asked_parts, 0b1111u);
  EXPECT_EQ(minimized.left_out, 0b0100u);
}

TEST(OptionalPartsTest, ANumberThatIsNoneIsMisuse) {
  const CampaignResult result = RunCampaign(Kernel("ask-too-much"));
  ASSERT_EQ(result.failed, 1u);
  EXPECT_EQ(result.findings[0].verdict, Verdict::kMisuse);
  EXPECT_EQ(result.findings[0].message, "optional part is 64, must be 0 to 63");
}

TEST(OptionalPartsTest, NumbersDoNotMakeAnotherDefectAndWordsDo) {
  Finding one;
  one.verdict = Verdict::kCrashed;
  one.status = 6;
  one.message = "SIGABRT in thread 3";
  one.output = "count is 17\nlost at 0x7f00a\n";
  Finding other = one;
  other.message = "SIGABRT in thread 1";
  other.output = "lost at 0x81\n\n";
  EXPECT_TRUE(IsSameDefect(one, other));
  other.output = "found at 0x81\n";
  EXPECT_FALSE(IsSameDefect(one, other));
  other = one;
  other.status = 11;
  EXPECT_FALSE(IsSameDefect(one, other));
  // What races is told by its code alone.
  one.verdict = other.verdict = Verdict::kDataRace;
  other.status = one.status;
  other.message = "another";
  one.stacks.resize(1);
  one.stacks[0].frame_count = 1;
  one.stacks[0].frames[0] = 100;
  other.stacks = one.stacks;
  EXPECT_TRUE(IsSameDefect(one, other));
  other.stacks[0].frames[0] = 200;
  EXPECT_FALSE(IsSameDefect(one, other));
}

// Returns where two records of a schedule differ first, or nothing.
std::string Difference(const std::vector<Segment>& a, const std::vector<Segment>& b) {
  if (a.size() != b.size()) {
    return std::to_string(a.size()) + " and " + std::to_string(b.size()) + " segments";
  }
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].agent != b[i].agent || a[i].reason != b[i].reason || a[i].pick != b[i].pick ||
        a[i].until != b[i].until || a[i].pc != b[i].pc) {
      return "segment " + std::to_string(i);
    }
  }
  return "";
}

TEST(RecordTest, AScheduleThatFollowsItsRecordHasTheSameRecord) {
  const char* const programs[] = {"bounded_queue", "superfluous", "patience", "threading"};
  for (const char* program : programs) {
    CampaignOptions options;
    options.command = {std::string("stressd/explore/examples/") + program, "condition"};
    options.timeout_s = 30;
    for (const MemoryModel model : {MemoryModel::kSequential, MemoryModel::kPso}) {
      options.model = model;
      Target target(options.command, options.timeout_s);
      ASSERT_EQ(target.Start(), "");
      for (uint64_t seed = 1; seed <= 30; ++seed) {
        const ScheduleName name{*ParseArm(seed % 2 == 0 ? "rw" : "pos"), model, seed};
        const Finding first = RunNamed(target, options, name, /*trace=*/false);
        const Finding again = RunSegments(target, options, first.segments, seed, /*trace=*/false);
        EXPECT_EQ(again.verdict, first.verdict);
        EXPECT_EQ(again.preemptions, first.preemptions) << program << " " << seed;
        EXPECT_EQ(Difference(first.segments, again.segments), "") << program << " " << seed;
        EXPECT_EQ(target.result().divergence, 0u) << target.result().divergence_note;
      }
    }
  }
}

TEST(RecordTest, WhichStoreDrainsIsRecordedToo) {
  CampaignOptions options = Kernel("message-passing", MemoryModel::kPso);
  Target target(options.command, options.timeout_s);
  ASSERT_EQ(target.Start(), "");
  const ExhaustiveResult search = SearchExhaustively(target, options, 2, /*bound_delays=*/false,
                                                     10000, [](const Finding&) { return true; });
  ASSERT_EQ(search.finding.verdict, Verdict::kCheck);
  // The search lets the second store go first, whatever a seed would say.
  for (const uint64_t seed : {1, 2, 3, 4}) {
    const Finding again = RunSegments(target, options, search.finding.segments, seed, false);
    EXPECT_EQ(again.verdict, Verdict::kCheck) << seed;
    EXPECT_EQ(Difference(search.finding.segments, again.segments), "") << seed;
  }
}

class ThreadingTest : public testing::TestWithParam<const char*> {};

TEST_P(ThreadingTest, CorrectProgramsAreSilentInBothModels) {
  for (const MemoryModel model : {MemoryModel::kSequential, MemoryModel::kTso}) {
    CampaignOptions options;
    options.command = {"stressd/explore/examples/threading", GetParam()};
    options.schedules = 200;
    options.timeout_s = 30;
    options.model = model;
    const CampaignResult result = RunCampaign(options);
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.failed, 0u) << result.findings[0].message << result.findings[0].output;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ThreadingTest,
                         testing::Values("mutexes", "shared-mutex", "condition", "semaphore",
                                         "once", "waiting", "time", "shared-pointer", "detach",
                                         "one-after-the-other"));

TEST(MistakesTest, EachHasItsVerdict) {
  const std::pair<const char*, Verdict> mistakes[] = {
      {"wrong-unlock", Verdict::kMisuse},           {"self-deadlock", Verdict::kDeadlock},
      {"lost-wake-up", Verdict::kDeadlock},         {"bad-status", Verdict::kExited},
      {"use-what-is-left", Verdict::kUseAfterFree}, {"busy", Verdict::kHung},
  };
  for (const auto& [part, verdict] : mistakes) {
    CampaignOptions options;
    options.command = {"stressd/explore/examples/threading", part};
    options.schedules = 500;
    // Only `busy` gets there, in each of its learning runs too.
    options.timeout_s = verdict == Verdict::kHung ? 0.2 : 30;
    options.filter_sites = verdict != Verdict::kHung;
    if (verdict == Verdict::kHung) options.arms = {*ParseArm("rw")};
    options.stop_at_first = true;
    EXPECT_EQ(VerdictOf(options), verdict) << part;
  }
}

TEST(MistakesTest, ARaceWithAThreadThatHasEndedIsSeenInEverySchedule) {
  CampaignOptions options;
  options.command = {"stressd/explore/examples/threading", "race-with-the-departed"};
  options.schedules = 200;
  options.timeout_s = 30;
  const CampaignResult result = RunCampaign(options);
  ASSERT_EQ(result.error, "");
  EXPECT_EQ(result.failed, result.schedules);
  EXPECT_EQ(result.findings.at(0).verdict, Verdict::kDataRace);
}

TEST(CProgramTest, DeadlockNamesEveryWaiter) {
  CampaignOptions options;
  options.command = {"stressd/explore/examples/bounded_queue"};
  options.timeout_s = 30;
  options.stop_at_first = true;
  const CampaignResult result = RunCampaign(options);
  ASSERT_EQ(result.error, "");
  ASSERT_EQ(result.failed, 1u);
  EXPECT_EQ(result.findings[0].verdict, Verdict::kDeadlock);
  EXPECT_GE(result.findings[0].stacks.size(), 3u);
  options.command = {"stressd/explore/examples/bounded_queue_correct"};
  options.schedules = 500;
  EXPECT_EQ(RunCampaign(options).failed, 0u);
}

TEST(StatisticsTest, WilsonIntervalHoldsTheRate) {
  const Interval none = WilsonInterval(0, 1000);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.00383, 0.00001);
  const Interval half = WilsonInterval(50, 100);
  EXPECT_NEAR(half.low, 0.4038, 0.0001);
  EXPECT_NEAR(half.high, 0.5962, 0.0001);
}

}  // namespace
}  // namespace explore
