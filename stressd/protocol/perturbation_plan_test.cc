#include "stressd/protocol/perturbation_plan.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace stressd::protocol {
namespace {

Plan Parsed(absl::string_view text) {
  const absl::StatusOr<Plan> plan = ParsePlan(text);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *plan : Plan();
}

std::string ErrorOf(absl::string_view text) {
  const absl::StatusOr<Plan> plan = ParsePlan(text);
  EXPECT_FALSE(plan.ok()) << text;
  return std::string(plan.status().message());
}

TEST(PerturbationPlanTest, NothingIsNone) {
  EXPECT_TRUE(Parsed("").is_none());
  EXPECT_TRUE(Parsed("none").is_none());
  EXPECT_EQ(Parsed("").Text(), "none");
}

TEST(PerturbationPlanTest, EveryKindAloneHasDefaultsAndRoundTrips) {
  for (const PlanKindSpec& spec : PlanKinds()) {
    const Plan plan = Parsed(spec.name);
    ASSERT_EQ(plan.parts.size(), 1u) << spec.name;
    for (const PlanField& field : spec.fields) {
      EXPECT_EQ(plan.parts[0].Get(field.name), field.default_value) << spec.name << field.name;
    }
    EXPECT_EQ(Parsed(plan.Text()), plan) << plan.Text();
  }
}

TEST(PerturbationPlanTest, TextNamesEveryFieldInOneOrder) {
  const Plan plan =
      Parsed("signals;focus:period_count=700,points=b.x+runtime/sync/mutex.h:62+b.x,percent=3");
  EXPECT_EQ(plan.Text(),
            "focus:points=b.x+runtime/sync/mutex.h:62,percent=3,max_delay_us=200,"
            "yield_percent=25,period_count=700;signals:period_us=500");
  EXPECT_EQ(Parsed(plan.Text()), plan);
}

TEST(PerturbationPlanTest, EndsOfARangeAreAllowedAndWhatLiesBeyondIsNot) {
  for (const PlanKindSpec& spec : PlanKinds()) {
    for (const PlanField& field : spec.fields) {
      const auto with = [&](int64_t value) {
        return absl::StrCat(spec.name, ":", field.name, "=", value);
      };
      for (const int64_t value : {field.minimum, field.maximum}) {
        const Plan plan = Parsed(with(value));
        ASSERT_EQ(plan.parts.size(), 1u);
        EXPECT_EQ(plan.parts[0].Get(field.name), value);
      }
      for (const int64_t value : {field.minimum - 1, field.maximum + 1}) {
        EXPECT_EQ(ErrorOf(with(value)),
                  absl::StrCat("plan.", spec.name, ".", field.name, ": \"", value,
                               "\" is out of range; allowed: a whole number from ", field.minimum,
                               " to ", field.maximum));
      }
    }
  }
}

TEST(PerturbationPlanTest, ErrorsNameFieldValueAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("wild"),
            "plan: \"wild\" is not a kind of plan; allowed: none, auto, uniform, focus, pct, "
            "starve, oversubscribe, signals, slow-paths, alloc-failure");
  EXPECT_EQ(ErrorOf("pct:speed=1"),
            "plan.pct: \"speed\" is not a field; allowed: depth, window_count, max_delay_us");
  EXPECT_EQ(ErrorOf("pct:depth"),
            "plan.pct: \"depth\" is not field=value; allowed: depth, window_count, max_delay_us");
  EXPECT_EQ(ErrorOf("pct:depth=2,depth=3"),
            "plan.pct: \"depth=3\" is given twice; allowed: each field once");
  EXPECT_EQ(ErrorOf("pct;pct"), "plan: \"pct\" is given twice; allowed: each kind once");
  EXPECT_EQ(ErrorOf("pct:depth=many"),
            "plan.pct.depth: \"many\" is out of range; allowed: a whole number from 1 to 16");
  EXPECT_EQ(ErrorOf("focus:points=a+"),
            "plan.focus.points: \"\" is not a name of a point; allowed: any, or names joined by "
            "+, as file.cc:12 or folder.what");
  EXPECT_EQ(ErrorOf("focus:points=a+b+c+d+e+f+g+h+i"),
            "plan.focus.points: \"a+b+c+d+e+f+g+h+i\" are too many; allowed: at most 8 names");
  for (const absl::string_view text : {"pct;", ";", "none;pct", "auto;pct", "pct:", " pct"}) {
    (void)ErrorOf(text);
  }
  EXPECT_EQ(ErrorOf(std::string(3000, 'a')), "plan: \"" + std::string(80, 'a') +
                                                 "\" is too long; allowed: at most 2048 "
                                                 "characters");
}

TEST(PerturbationPlanTest, SeedDrawsOnePlanForAuto) {
  std::set<std::string> drawn;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Plan plan = ResolvePlan(Parsed("auto"), seed);
    EXPECT_FALSE(plan.is_auto);
    EXPECT_EQ(plan, ResolvePlan(Parsed("auto"), seed));
    EXPECT_EQ(Parsed(plan.Text()), plan);
    EXPECT_EQ(plan.Find(PlanKind::kAllocFailure), nullptr) << "not every scenario bears it";
    drawn.insert(plan.Text().substr(0, plan.Text().find(':')));
  }
  // None, and every kind but one.
  EXPECT_EQ(drawn.size(), kPlanKindCount);
}

TEST(PerturbationPlanTest, PageHasARowForEveryField) {
  std::ifstream file(std::string(std::getenv("TEST_SRCDIR")) + "/" + std::getenv("TEST_WORKSPACE") +
                     "/docs/perturbation.md");
  std::stringstream page;
  page << file.rdbuf();
  for (const PlanKindSpec& spec : PlanKinds()) {
    EXPECT_NE(page.str().find(absl::StrCat("`", spec.name, "`: ", spec.doc)), std::string::npos)
        << spec.name;
    for (const PlanField& field : spec.fields) {
      const std::string row =
          absl::StrCat("| `", spec.name, "` | `", field.name, "` | ", field.minimum, " to ",
                       field.maximum, " | ", field.default_value, " | ", field.doc, " |\n");
      EXPECT_NE(page.str().find(row), std::string::npos) << row;
    }
  }
}

TEST(PerturbationPlanTest, SeedDoesNotChangeAPlanThatIsGiven) {
  const Plan plan = Parsed("uniform:per_million=7");
  EXPECT_EQ(ResolvePlan(plan, 1), plan);
  EXPECT_EQ(ResolvePlan(plan, 2), plan);
}

}  // namespace
}  // namespace stressd::protocol
