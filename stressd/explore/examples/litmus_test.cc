// What each memory model lets a program see, shape by shape: every outcome that the model
// allows is reached, and no other one. A shape is searched exhaustively, so a store buffer
// that empties too early, too late or out of order is seen whatever the seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "stressd/explore/driver/campaign.h"
#include "stressd/explore/driver/target.h"
#include "stressd/explore/random.h"

namespace explore {
namespace {

using Outcomes = std::set<std::string>;

constexpr MemoryModel kModels[] = {MemoryModel::kSequential, MemoryModel::kTso, MemoryModel::kPso};

// 100: more than any schedule of a shape can have.
constexpr uint32_t kEveryPreemption = 100;
constexpr uint64_t kExhaustiveLimit = 3000000;
// 2048: the rarest outcome of a shape comes some ten times.
constexpr uint64_t kRandomSchedules = 2048;

struct Shape {
  const char* name;
  Outcomes sc;        // Allowed by every model.
  Outcomes only_tso;  // By tso and pso beside those.
  Outcomes only_pso;  // By pso beside those.
  uint32_t bound = kEveryPreemption;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.name; }

Outcomes Allowed(const Shape& shape, MemoryModel model) {
  Outcomes allowed = shape.sc;
  if (model != MemoryModel::kSequential)
    allowed.insert(shape.only_tso.begin(), shape.only_tso.end());
  if (model == MemoryModel::kPso) allowed.insert(shape.only_pso.begin(), shape.only_pso.end());
  return allowed;
}

// Of `count` bits all but those left out.
Outcomes BitsWithout(int count, const Outcomes& without) {
  Outcomes all;
  for (int bits = 0; bits < 1 << count; ++bits) {
    std::string outcome;
    for (int i = count; i-- > 0;) outcome += (bits >> i & 1) != 0 ? '1' : '0';
    if (without.count(outcome) == 0) all.insert(outcome);
  }
  return all;
}

const Outcomes kNotBothMissed = {"01", "10", "11"};
const Outcomes kNotFlagAlone = {"00", "01", "11"};

const Shape kShapes[] = {
    {"SB", kNotBothMissed, {"00"}, {}},
    {"SB+rel", kNotBothMissed, {"00"}, {}},
    {"SB+sc", kNotBothMissed, {}, {}},
    {"SB+fences", kNotBothMissed, {}, {}},
    {"SB+fence", kNotBothMissed, {"00"}, {}},
    {"SB+weak-fences", kNotBothMissed, {"00"}, {}},
    {"SB+rmws", kNotBothMissed, {}, {}},
    {"SB+xchgs", kNotBothMissed, {}, {}},
    {"SB+failed", kNotBothMissed, {}, {}},
    {"SB+locks", kNotBothMissed, {}, {}},
    {"SB+plain", kNotBothMissed, {"00"}, {}},
    {"SB+rfi", {"1011", "1110", "1111"}, {"1010"}, {}},
    {"SB+rfi-plain", {"1011", "1110", "1111"}, {"1010"}, {}},
    {"MP", kNotFlagAlone, {}, {"10"}},
    {"MP+rel", kNotFlagAlone, {}, {}},
    {"MP+fence", kNotFlagAlone, {}, {}},
    {"MP+rel-first", kNotFlagAlone, {}, {"10"}},
    {"MP+plain", kNotFlagAlone, {}, {"10"}},
    {"LB", {"00", "01", "10"}, {}, {}},
    {"CoRR", {"00", "01", "02", "11", "12", "22"}, {}, {}},
    {"CoRWR", {"01", "02", "12"}, {}, {}},
    {"CoHalves", {"1200", "1201", "1202", "1211", "1212"}, {}, {}},
    {"2+2W", {"12", "21", "22"}, {}, {"11"}},
    {"R", {"01", "11", "12"}, {"02"}, {}},
    {"R+rfi", {"10", "11", "21"}, {}, {"20"}},
    {"WRC", BitsWithout(3, {"110"}), {}, {}},
    {"IRIW", BitsWithout(4, {"1010"}), {}, {}, /*bound=*/2},
};

std::string Text(const Outcomes& outcomes) {
  std::string text;
  for (const std::string& outcome : outcomes) text += outcome + " ";
  return text;
}

// Runs what `prepare` asks for, batch by batch, until it says false; adds outcomes.
template <typename Prepare>
uint64_t RunShape(const Shape& shape, MemoryModel model, Outcomes& outcomes, Prepare prepare) {
  CampaignOptions options;
  options.command = {"stressd/explore/examples/litmus", shape.name};
  options.model = model;
  options.timeout_s = 30;
  options.detect_races = false;
  options.filter_sites = false;
  options.max_steps = 3000;
  Target target(options.command, options.timeout_s);
  EXPECT_EQ(target.Start(), "");
  uint64_t schedules = 0;
  while (true) {
    FillRequest(options, target.request());
    target.request().batch_count = kMaxBatch;
    if (!prepare(schedules, target.request())) return schedules;
    if (!target.Run()) {
      ADD_FAILURE() << "the program's server died: " << target.Output();
      return schedules;
    }
    const Result& result = target.result();
    schedules += result.runs_done;
    EXPECT_EQ(result.verdict, Verdict::kPassed) << result.message;
    EXPECT_EQ(result.divergence, 0u) << result.divergence_note;
    EXPECT_EQ(result.dropped, 0u);
    std::istringstream lines(target.Output());
    for (std::string line; std::getline(lines, line);) outcomes.insert(line);
    if (result.exhausted != 0 || testing::Test::HasFailure()) return schedules;
  }
}

// Every schedule within the shape's bound. Returns their number.
uint64_t Search(const Shape& shape, MemoryModel model, Outcomes& outcomes) {
  return RunShape(shape, model, outcomes, [&](uint64_t done, Request& request) {
    request.strategy = StrategyKind::kPrefix;
    request.depth = shape.bound;
    request.restart = done == 0 ? 1 : 0;
    std::fill(request.seeds, request.seeds + kMaxBatch, 1);
    EXPECT_LT(done, kExhaustiveLimit);
    return done < kExhaustiveLimit;
  });
}

class LitmusTest : public testing::TestWithParam<Shape> {};

TEST_P(LitmusTest, ExhaustiveSearchReachesEveryAllowedOutcomeAndNoOther) {
  const Shape& shape = GetParam();
  for (const MemoryModel model : kModels) {
    Outcomes outcomes;
    const uint64_t schedules = Search(shape, model, outcomes);
    EXPECT_EQ(Text(outcomes), Text(Allowed(shape, model)))
        << ModelName(model) << ", " << schedules << " schedules";
    RecordProperty(ModelName(model), static_cast<int>(schedules));
  }
}

// The stores that drain by the seed, and not by a search.
TEST_P(LitmusTest, ARandomWalkStaysWithinTheModelAndGetsEverywhere) {
  const Shape& shape = GetParam();
  for (const MemoryModel model : kModels) {
    Outcomes outcomes;
    RunShape(shape, model, outcomes, [](uint64_t done, Request& request) {
      request.strategy = StrategyKind::kRandomWalk;
      for (uint32_t i = 0; i < kMaxBatch; ++i) request.seeds[i] = Mix(1, done + i);
      return done < kRandomSchedules;
    });
    EXPECT_EQ(Text(outcomes), Text(Allowed(shape, model))) << ModelName(model);
  }
}

// Start, two accesses and end of each thread, in every order: multinomial coefficients.
TEST(LitmusSearchTest, RunsEveryScheduleOnce) {
  const std::pair<const char*, uint64_t> expected[] = {
      {"SB", 70},        // 8! / (4! 4!)
      {"SB+rmws", 252},  // 10! / (5! 5!)
      {"WRC", 11550},    // 11! / (3! 4! 4!)
  };
  for (const auto& [name, count] : expected) {
    Shape shape{};
    shape.name = name;
    shape.bound = kEveryPreemption;
    Outcomes outcomes;
    EXPECT_EQ(Search(shape, MemoryModel::kSequential, outcomes), count) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LitmusTest, testing::ValuesIn(kShapes));

}  // namespace
}  // namespace explore
