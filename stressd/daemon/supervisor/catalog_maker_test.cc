#include "stressd/daemon/supervisor/catalog_maker.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stressd::supervisor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

protocol::ScenarioList ListOf(std::initializer_list<const char*> names) {
  protocol::ScenarioList list;
  for (const char* name : names) {
    protocol::ScenarioDescription* scenario = list.add_scenarios();
    scenario->set_name(name);
    scenario->set_canary(true);
    for (const char* flavor : {"plain", "tsan", "explore"}) {
      (*scenario->mutable_caught())[flavor] = "CRASHED";
    }
  }
  return list;
}

runs::ScenarioCatalog Catalog() {
  CatalogMaker maker;
  maker.Add({"plain", "1", "/host/plain"}, ListOf({"fork", "thread"}));
  maker.Add({"tsan", "2", "/host/tsan"}, ListOf({"thread", "fork"}));
  protocol::ScenarioList kernels = ListOf({"kernel"});
  kernels.set_refusal_of_others("one thread at a time");
  maker.Add({"explore", "3", "/host/explore"}, kernels);
  return std::move(maker).Make();
}

TEST(CatalogMakerTest, AScenarioKnowsItsFlavorsAndWhyTheOthersRefuse) {
  const runs::ScenarioCatalog catalog = Catalog();
  ASSERT_EQ(catalog.scenarios().size(), 3u);
  const runs::ScenarioDescription* const fork = catalog.Find("fork");
  EXPECT_THAT(fork->flavors, ElementsAre("plain", "tsan"));
  EXPECT_THAT(fork->expected_verdicts, ElementsAre(Pair("plain", runs::Verdict::kCrashed),
                                                   Pair("tsan", runs::Verdict::kCrashed)));
  EXPECT_THAT(catalog.Refusals(*fork), ElementsAre(Pair("explore", "one thread at a time")));
  const runs::ScenarioDescription* const kernel = catalog.Find("kernel");
  EXPECT_THAT(kernel->flavors, ElementsAre("explore"));
  EXPECT_EQ(catalog.Refusals(*kernel).size(), 2u);
}

TEST(CatalogMakerTest, ARunInAFlavorThatDoesNotHostItIsRefused) {
  const runs::ScenarioCatalog catalog = Catalog();
  runs::RunSpec spec;
  spec.scenario = "fork";
  spec.flavor = "explore";
  const absl::Status refused = catalog.Complete(spec, runs::Limits()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("flavor: \"explore\" does not host fork: one thread at a time; allowed: "
                        "plain, tsan"));
  spec.flavor = "tsan";
  EXPECT_TRUE(catalog.Complete(spec, runs::Limits()).ok());
}

}  // namespace
}  // namespace stressd::supervisor
