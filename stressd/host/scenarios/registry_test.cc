#include "stressd/host/scenario/registry.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stressd::host {
namespace {

using ::testing::HasSubstr;

TEST(RegistryTest, TableIsSortedAndComplete) {
  std::string previous;
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    EXPECT_LT(previous, scenario->name);
    previous = scenario->name;
    EXPECT_FALSE(scenario->summary.empty()) << scenario->name;
    EXPECT_FALSE(scenario->stresses.empty()) << scenario->name;
    EXPECT_FALSE(scenario->method.empty()) << scenario->name;
    EXPECT_FALSE(scenario->holds_if.empty()) << scenario->name;
    EXPECT_FALSE(scenario->exercises.empty()) << scenario->name;
    ASSERT_NE(scenario->create, nullptr) << scenario->name;
    for (const ParameterSpec& spec : scenario->parameters) {
      EXPECT_FALSE(spec.doc.empty()) << scenario->name << " " << spec.name;
    }
  }
}

TEST(RegistryTest, WhatADurationReplacesIsADeclaredNumber) {
  int count = 0;
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    if (scenario->rounds_parameter.empty()) continue;
    ++count;
    const auto defaults = MakeParameters(*scenario, "", {});
    ASSERT_TRUE(defaults.ok());
    EXPECT_GE(defaults->GetInt(scenario->rounds_parameter), 1) << scenario->name;
  }
  EXPECT_GE(count, 3) << "thread-churn, fork-storm, foreign-finalize";
}

// The daemon's limits hold for what a parameter counts: it must say so.
TEST(RegistryTest, WhatCountsThreadsOperationsOrBytesSaysWhatItCounts) {
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    for (const ParameterSpec& spec : scenario->parameters) {
      for (const ParameterCounts counts : {ParameterCounts::kThreads, ParameterCounts::kOperations,
                                           ParameterCounts::kBytes}) {
        if (!spec.name.ends_with(ParameterCountsName(counts))) continue;
        EXPECT_EQ(ParameterCountsName(spec.counts), ParameterCountsName(counts))
            << scenario->name << " " << spec.name;
      }
    }
  }
}

TEST(RegistryTest, EveryDeclaredDefaultIsAllowed) {
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    const auto defaults = MakeParameters(*scenario, "", {});
    ASSERT_TRUE(defaults.ok());
    const auto again = MakeParameters(*scenario, "", defaults->Texts());
    EXPECT_TRUE(again.ok()) << scenario->name << ": " << again.status();
    EXPECT_NE(scenario->create(*defaults), nullptr);
  }
}

TEST(RegistryTest, EveryScenarioTakesTheCommonParameters) {
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    const auto parameters = MakeParameters(*scenario, "smoke", {{"check_every", "100"}});
    ASSERT_TRUE(parameters.ok()) << parameters.status();
    EXPECT_EQ(parameters->GetInt("check_every"), 100) << scenario->name;
    EXPECT_EQ(AllParameters(*scenario).size(), scenario->parameters.size() + 1);
    for (const ParameterSpec& spec : scenario->parameters) {
      EXPECT_NE(spec.name, "check_every") << scenario->name;
    }
  }
  EXPECT_FALSE(MakeParameters(*Scenarios().front(), "", {{"check_every", "-1"}}).ok());
}

TEST(RegistryTest, EveryScenarioHasItsTwoPresets) {
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    for (const char* preset : {"smoke", "soak"}) {
      const auto parameters = MakeParameters(*scenario, preset, {});
      EXPECT_TRUE(parameters.ok()) << parameters.status();
    }
  }
}

TEST(RegistryTest, EveryPresetBelongsToAScenarioAndIsAllowed) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const Preset& preset : Presets()) {
    EXPECT_TRUE(seen.emplace(preset.scenario, preset.name).second)
        << preset.scenario << " " << preset.name;
    const auto scenario = FindScenario(preset.scenario);
    ASSERT_TRUE(scenario.ok()) << scenario.status();
    EXPECT_TRUE(MakeParameters(**scenario, preset.name, {}).ok());
  }
}

TEST(RegistryTest, OverridesWinOverThePreset) {
  const auto scenario = FindScenario("thread-churn");
  ASSERT_TRUE(scenario.ok());
  const auto parameters = MakeParameters(**scenario, "smoke", {{"rounds", "3"}});
  ASSERT_TRUE(parameters.ok()) << parameters.status();
  EXPECT_EQ(parameters->GetInt("rounds"), 3);
}

TEST(RegistryTest, ErrorsNameWhatExists) {
  const auto scenario = FindScenario("thread-chrun");
  EXPECT_EQ(scenario.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(scenario.status().message()),
              HasSubstr("\"thread-chrun\" does not exist: there are "
                        "allocation-failure, canary-crash"));
  const auto empty = FindScenario("empty");
  ASSERT_TRUE(empty.ok());
  const auto parameters = MakeParameters(**empty, "huge", {});
  EXPECT_EQ(parameters.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(parameters.status().message()),
              HasSubstr("preset \"huge\" of scenario \"empty\" does not exist: "
                        "there are smoke, soak"));
}

// What a plan of configs/soaks forgets is never soaked.
TEST(RegistryTest, TheSoakPlansNameEveryScenario) {
  for (const char* plan : {"smoke", "long"}) {
    std::ifstream file(std::string("configs/soaks/") + plan + ".textproto");
    std::stringstream text;
    text << file.rdbuf();
    for (const ScenarioDeclaration* scenario : Scenarios()) {
      // A canary has to fail, and a smoke of nothing shows nothing.
      if (scenario->canary || scenario->name == "empty") continue;
      EXPECT_THAT(text.str(), HasSubstr("scenario: \"" + std::string(scenario->name) + "\""))
          << plan;
    }
  }
}

// The table of the canaries, as users rely on it.
TEST(RegistryTest, CanariesDeclareTheirVerdicts) {
  struct Row {
    const char* name;
    const char* plain;
    const char* asan;
    const char* tsan;
  };
  constexpr Row kRows[] = {
      {"canary-crash", "CRASHED", "CRASHED", "CRASHED"},
      {"canary-drift", "VIOLATION", "VIOLATION", "VIOLATION"},
      {"canary-hang", "HUNG", "HUNG", "HUNG"},
      {"canary-leak", "VIOLATION", "VIOLATION", "VIOLATION"},
      {"canary-race", "SILENT", "SILENT", "SANITIZER_REPORT"},
      {"canary-use-after-free", "VIOLATION", "SANITIZER_REPORT", "VIOLATION"},
  };
  std::set<std::string> expected_names;
  for (const Row& row : kRows) {
    expected_names.insert(row.name);
    const auto scenario = FindScenario(row.name);
    ASSERT_TRUE(scenario.ok()) << scenario.status();
    const auto verdict = [&](const char* flavor) {
      return std::string(ExpectedVerdictName((*scenario)->expected.ForFlavor(flavor)));
    };
    EXPECT_EQ(verdict("plain"), row.plain) << row.name;
    EXPECT_EQ(verdict("asan"), row.asan) << row.name;
    EXPECT_EQ(verdict("tsan"), row.tsan) << row.name;
    EXPECT_TRUE((*scenario)->always_fresh) << row.name;
  }
  std::set<std::string> names;
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    if (scenario->canary) names.insert(std::string(scenario->name));
  }
  EXPECT_EQ(names, expected_names);
}

}  // namespace
}  // namespace stressd::host
