// The supervisor over the real hosts, flavor by flavor: every scenario passes,
// every canary gets the verdict its flavor is meant to give, kills leave nothing.

#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "stressd/daemon/supervisor/supervisor.h"
#include "stressd/daemon/supervisor/supervisor_test_helper.h"

namespace stressd::supervisor {
namespace {

using runs::HostKind;
using runs::RunOutcome;
using runs::ScenarioDescription;
using runs::Verdict;

class RealHostsTest : public testing::TestWithParam<std::string> {
 protected:
  RealHostsTest() : supervisor_(Options(), &log_) {
    absl::StatusOr<runs::ScenarioCatalog> catalog = supervisor_.Start();
    EXPECT_TRUE(catalog.ok()) << catalog.status();
    if (catalog.ok()) catalog_ = *std::move(catalog);
  }

  static SupervisorOptions Options() {
    SupervisorOptions options;
    options.hosts = {{GetParam(),
                      absl::StrCat(std::getenv("TEST_SRCDIR"), "/", std::getenv("TEST_WORKSPACE"),
                                   "/stressd/host/stress_host_", GetParam()),
                      {}}};
    // Long enough for a loaded machine, short enough for the hanging canary.
    options.limits.heartbeat_deadline = absl::Seconds(5);
    return options;
  }

  // A run of 200 ms with the scenario's own defaults.
  runs::RunRecord Run(const std::string& scenario, HostKind kind) {
    runs::RunRecord run = FakeRun(scenario, kind);
    run.spec.flavor = GetParam();
    run.spec.duration = absl::Milliseconds(200);
    absl::StatusOr<runs::RunSpec> spec = catalog_.Complete(run.spec, runs::Limits{});
    EXPECT_TRUE(spec.ok()) << spec.status();
    run.spec = *std::move(spec);
    return run;
  }

  runs::NullLogSink log_;
  Supervisor supervisor_;
  runs::ScenarioCatalog catalog_;
};

INSTANTIATE_TEST_SUITE_P(Flavors, RealHostsTest, testing::Values("plain", "asan", "tsan"),
                         [](const auto& info) { return info.param; });

TEST_P(RealHostsTest, EveryScenarioPassesInFreshAndResidentHosts) {
  int64_t resident_pid = 0;
  for (const ScenarioDescription& scenario : catalog_.scenarios()) {
    if (scenario.is_canary) continue;
    for (const HostKind kind : {HostKind::kFresh, HostKind::kResident}) {
      if (kind == HostKind::kResident && scenario.fresh_only) continue;
      const RunOutcome outcome = ExecuteFake(supervisor_, Run(scenario.name, kind));
      EXPECT_EQ(outcome.verdict, Verdict::kPassed)
          << scenario.name << ": " << outcome.summary << "\n"
          << outcome.report << outcome.stacks;
      EXPECT_FALSE(outcome.build_id.empty());
      if (kind == HostKind::kFresh) continue;
      if (resident_pid != 0) EXPECT_EQ(outcome.host.pid, resident_pid);
      resident_pid = outcome.host.pid;
    }
  }
  EXPECT_NE(resident_pid, 0);
  const absl::StatusOr<runs::HostBalance> balance =
      supervisor_.Snapshot(GetParam(), absl::Seconds(60));
  ASSERT_TRUE(balance.ok()) << balance.status();
  EXPECT_FALSE(balance->values.empty());
}

TEST_P(RealHostsTest, EveryCanaryIsCaughtWhereItMustBe) {
  int canary_count = 0;
  for (const ScenarioDescription& scenario : catalog_.scenarios()) {
    if (!scenario.is_canary) continue;
    ++canary_count;
    const RunOutcome outcome = ExecuteFake(supervisor_, Run(scenario.name, HostKind::kFresh));
    const auto expected = scenario.expected_verdicts.find(GetParam());
    if (expected == scenario.expected_verdicts.end()) {
      EXPECT_NE(outcome.verdict, Verdict::kError) << scenario.name << ": " << outcome.summary;
      continue;
    }
    EXPECT_EQ(runs::VerdictName(outcome.verdict), runs::VerdictName(expected->second))
        << scenario.name << ": " << outcome.summary << "\n"
        << outcome.report;
    if (outcome.verdict == Verdict::kHung) {
      EXPECT_TRUE(absl::StrContains(outcome.stacks, "TID ")) << outcome.stacks;
    }
    if (outcome.verdict == Verdict::kSanitizerReport) {
      EXPECT_TRUE(absl::StrContains(outcome.report, "Sanitizer")) << outcome.report;
    }
  }
  EXPECT_GE(canary_count, 6);
}

TEST_P(RealHostsTest, TwentyHostsKilledMidRunLeaveTwentyVerdictsAndNothingElse) {
  ExecuteFake(supervisor_, Run("thread-churn", HostKind::kFresh));
  ExecuteFake(supervisor_, Run("thread-churn", HostKind::kResident));
  const Footprint before = Footprint::Take();
  for (int i = 0; i < 20; ++i) {
    const HostKind kind = i % 2 == 0 ? HostKind::kFresh : HostKind::kResident;
    runs::RunRecord run = Run("thread-churn", kind);
    // Until it is killed.
    run.spec.parameters["rounds"] = "100000000";
    run.spec.duration = absl::ZeroDuration();
    run.spec.time_limit = absl::Seconds(700);
    const RunOutcome outcome = ExecuteAndKill(supervisor_, run);
    EXPECT_EQ(outcome.verdict, Verdict::kCrashed) << outcome.summary;
    EXPECT_EQ(outcome.host.signal, SIGKILL);
  }
  ExecuteFake(supervisor_, Run("thread-churn", HostKind::kResident));
  const Footprint after = Footprint::Take();
  EXPECT_EQ(after.fd_count, before.fd_count);
  EXPECT_EQ(after.shared_mapping_count, before.shared_mapping_count);
  EXPECT_EQ(after.children.size(), before.children.size());
}

}  // namespace
}  // namespace stressd::supervisor
