#include "stressd/daemon/runs/scenario_catalog.h"

#include <functional>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "stressd/daemon/runs/fake_executor.h"

namespace stressd::runs {
namespace {

RunSpec Churn() {
  RunSpec spec;
  spec.scenario = "churn";
  return spec;
}

TEST(ScenarioCatalogTest, FillsWhatIsLeftOpen) {
  const absl::StatusOr<RunSpec> spec = FakeCatalog().Complete(Churn(), Limits{});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->host_kind, HostKind::kFresh);
  EXPECT_EQ(spec->parameters.at("threads"), "4");
  EXPECT_EQ(spec->time_limit, Limits{}.time_limit_default);
}

TEST(ScenarioCatalogTest, WritesAPlanInItsNormalForm) {
  RunSpec spec = Churn();
  EXPECT_EQ(FakeCatalog().Complete(spec, Limits{})->plan, "none");
  spec.plan = "signals;starve:window_us=10";
  EXPECT_EQ(FakeCatalog().Complete(spec, Limits{})->plan,
            "starve:period_count=20000,window_us=10;signals:period_us=500");
}

TEST(ScenarioCatalogTest, WritesValuesInTheirNormalForm) {
  RunSpec spec = Churn();
  spec.parameters = {{"threads", "+008"}, {"share", "5e-1"}, {"pause", "0.5s"}, {"mode", "slow"}};
  const absl::StatusOr<RunSpec> complete = FakeCatalog().Complete(spec, Limits{});
  ASSERT_TRUE(complete.ok()) << complete.status();
  EXPECT_EQ(complete->parameters.at("threads"), "8");
  EXPECT_EQ(complete->parameters.at("share"), "0.5");
  EXPECT_EQ(complete->parameters.at("pause"), "500ms");
}

TEST(ScenarioCatalogTest, AnUnknownScenarioIsNotFoundAndTheKnownOnesAreNamed) {
  RunSpec spec;
  spec.scenario = "chrun";
  const absl::Status status = FakeCatalog().Complete(spec, Limits{}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(),
            "scenario: \"chrun\" is unknown; allowed: canary-quiet, churn, forked");
}

TEST(ScenarioCatalogTest, EveryBadFieldIsNamedWithItsValueAndWhatIsAllowed) {
  Limits limits;
  limits.thread_count_max = 16;
  const struct {
    std::function<void(RunSpec&)> spoil;
    const char* message;
  } kCases[] = {
      {[](RunSpec& s) { s.plan = "wild"; }, "plan: \"wild\" is not a kind of plan; allowed: none, "},
      {[](RunSpec& s) { s.plan = "pct:depth=0"; },
       "plan.pct.depth: \"0\" is out of range; allowed: a whole number from 1 to 16"},
      {[](RunSpec& s) { s.plan = "alloc-failure"; },
       "plan: \"alloc-failure\" is not tolerated by churn; allowed: the other kinds"},
      {[](RunSpec& s) { s.flavor = "msan"; }, "flavor: \"msan\" is unknown; allowed: plain, tsan"},
      {[](RunSpec& s) { s.parameters["thread"] = "4"; },
       "parameters: \"thread\" is not a parameter of churn; allowed: threads, share"},
      {[](RunSpec& s) { s.parameters["threads"] = "0"; },
       "parameters.threads: \"0\" is out of range; allowed: int64 from 1 to 64"},
      {[](RunSpec& s) { s.parameters["threads"] = "17"; },
       "parameters.threads: \"17\" is above this daemon's limit; allowed: at most 16"},
      {[](RunSpec& s) { s.parameters["threads"] = "99999999999999999999"; },
       "parameters.threads: \"99999999999999999999\" is not a representable int64"},
      {[](RunSpec& s) { s.parameters["threads"] = "4 "; }, nullptr},
      {[](RunSpec& s) { s.parameters["threads"] = "four"; }, "is not a representable int64"},
      {[](RunSpec& s) { s.parameters["share"] = "nan"; }, "is not a representable double"},
      {[](RunSpec& s) { s.parameters["share"] = "1e999"; }, "is not a representable double"},
      {[](RunSpec& s) { s.parameters["fork"] = "yes"; }, "allowed: true, false"},
      {[](RunSpec& s) { s.parameters["pause"] = "-1s"; }, "allowed: duration from 0 to 1s"},
      {[](RunSpec& s) { s.parameters["pause"] = "inf"; }, "is not a representable duration"},
      {[](RunSpec& s) { s.parameters["mode"] = "warp"; }, "allowed: fast, slow"},
      {[](RunSpec& s) { s.duration = absl::Seconds(-1); }, "duration: \"-1s\" is out of range"},
      {[](RunSpec& s) { s.duration = absl::InfiniteDuration(); }, "duration: \"inf\""},
      {[](RunSpec& s) { s.duration = absl::Hours(24 * 400); }, "allowed: 0 to 24h"},
      {[](RunSpec& s) { s.time_limit = absl::Hours(99); }, "time_limit: \"99h\""},
      {[](RunSpec& s) {
         s.duration = absl::Seconds(9);
         s.time_limit = absl::Seconds(8);
       },
       "time_limit: \"8s\" is not longer than the duration; allowed: above 9s, at most 25h"},
      {[](RunSpec& s) {
         s.duration = absl::Seconds(9);
         s.time_limit = absl::Seconds(9);
       },
       "time_limit: \"9s\" is not longer than the duration"},
      {[](RunSpec& s) { s.request_id = "a b"; }, "request_id: \"a b\" is malformed"},
      {[](RunSpec& s) { s.request_id = std::string(129, 'x'); }, "request_id:"},
      {[](RunSpec& s) {
         s.scenario = "forked";
         s.host_kind = HostKind::kResident;
       },
       "host_kind: \"resident\" cannot execute forked; allowed: fresh"},
  };
  for (const auto& each : kCases) {
    RunSpec spec = Churn();
    each.spoil(spec);
    const absl::Status status = FakeCatalog().Complete(spec, limits).status();
    if (each.message == nullptr) {  // Blanks around a number are harmless.
      EXPECT_TRUE(status.ok()) << status;
      continue;
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << each.message;
    EXPECT_TRUE(absl::StrContains(status.message(), each.message)) << status;
  }
}

// A scenario whose parameters count something, whatever they are called.
ScenarioCatalog CountingCatalog() {
  ScenarioDescription storm;
  storm.name = "storm";
  const auto number = [](const char* name, ParameterCounts counts) {
    return ParameterDescription{name, ParameterType::kInt64, "0", "1000000", "1", {}, "", counts};
  };
  storm.parameters = {
      number("workers", ParameterCounts::kThreads), number("forkers", ParameterCounts::kThreads),
      number("steps", ParameterCounts::kOperations), number("block", ParameterCounts::kBytes),
      number("threads", ParameterCounts::kNothing)};
  return ScenarioCatalog({storm}, {{"plain", "b1", "/bin/plain"}});
}

TEST(ScenarioCatalogTest, LimitsHoldForWhatAParameterCounts) {
  Limits limits;
  limits.thread_count_max = 16;
  limits.operation_count_max = 500;
  limits.rss_bytes_max = 4096;
  const struct {
    std::map<std::string, std::string> parameters;
    const char* message;  // Null: allowed.
  } kCases[] = {
      {{{"workers", "15"}, {"steps", "500"}, {"block", "4096"}, {"threads", "99999"}}, nullptr},
      {{{"forkers", "17"}},
       "parameters.forkers: \"17\" is above this daemon's limit; allowed: "
       "at most 16"},
      {{{"workers", "8"}, {"forkers", "9"}},
       "parameters.workers + parameters.forkers: \"17\" is above this daemon's limit"},
      {{{"steps", "501"}}, "parameters.steps: \"501\" is above this daemon's limit"},
      {{{"block", "4097"}}, "parameters.block: \"4097\" is above this daemon's limit"},
  };
  for (const auto& each : kCases) {
    RunSpec spec;
    spec.scenario = "storm";
    spec.flavor = "plain";
    spec.parameters = each.parameters;
    const absl::Status status = CountingCatalog().Complete(spec, limits).status();
    if (each.message == nullptr) {
      EXPECT_TRUE(status.ok()) << status;
      continue;
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << each.message;
    EXPECT_TRUE(absl::StrContains(status.message(), each.message)) << status;
  }
}

TEST(ScenarioCatalogTest, AMessageDoesNotRepeatAMegabyteOrControlCharacters) {
  RunSpec spec = Churn();
  spec.parameters["threads"] = std::string(1 << 20, '\x1b');
  const absl::Status status = FakeCatalog().Complete(spec, Limits{}).status();
  EXPECT_LT(status.message().size(), 1000u);
  EXPECT_FALSE(absl::StrContains(status.message(), "\x1b"));
}

}  // namespace
}  // namespace stressd::runs
