#include "stressd/host/scenarios/scenario_page.h"

#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stressd/host/scenario/registry.h"

namespace stressd::host {
namespace {

using ::testing::HasSubstr;

std::string ReadPage(const std::string& name) {
  std::ifstream file("docs/scenarios/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ScenarioPageTest, CommittedPagesAreUpToDate) {
  const std::string advice = "run: bazel run //stressd/host/scenarios:write_pages";
  EXPECT_EQ(ReadPage("README.md"), ScenarioIndexPage()) << advice;
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    EXPECT_EQ(ReadPage(ScenarioPageFile(*scenario)), ScenarioPage(*scenario)) << advice;
  }
}

TEST(ScenarioPageTest, PageNamesParametersPresetsAndVerdicts) {
  const auto scenario = FindScenario("canary-leak");
  ASSERT_TRUE(scenario.ok());
  const std::string page = ScenarioPage(**scenario);
  EXPECT_THAT(page, HasSubstr("| `references` | int64 | 1 | a whole number "
                              "from 1 to 1000 |"));
  EXPECT_THAT(page, HasSubstr("- `smoke`:"));
  EXPECT_THAT(page, HasSubstr("| asan | VIOLATION |"));
}

}  // namespace
}  // namespace stressd::host
