// Nothing is left behind: descriptors, mappings and processes are counted.

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "stressd/daemon/supervisor/supervisor.h"
#include "stressd/daemon/supervisor/supervisor_test_helper.h"

namespace stressd::supervisor {
namespace {

using runs::HostKind;
using runs::RunOutcome;
using runs::Verdict;

void ExpectSame(const Footprint& before, const Footprint& after) {
  EXPECT_EQ(after.fd_count, before.fd_count);
  EXPECT_EQ(after.shared_mapping_count, before.shared_mapping_count);
  EXPECT_EQ(after.children.size(), before.children.size());
}

TEST(SupervisorLeakTest, TwentyHostsKilledMidRunLeaveTwentyVerdictsAndNothingElse) {
  runs::NullLogSink log;
  Supervisor supervisor(FakeHostOptions(), &log);
  ASSERT_TRUE(supervisor.Start().ok());
  for (const HostKind kind : {HostKind::kFresh, HostKind::kResident}) {
    ASSERT_EQ(ExecuteFake(supervisor, FakeRun("pass", kind)).verdict, Verdict::kPassed);
    const Footprint before = Footprint::Take();
    for (int i = 0; i < 20; ++i) {
      const RunOutcome outcome = ExecuteAndKill(supervisor, FakeRun("obey", kind));
      EXPECT_EQ(outcome.verdict, Verdict::kCrashed) << outcome.summary;
      EXPECT_EQ(outcome.host.signal, SIGKILL);
    }
    ASSERT_EQ(ExecuteFake(supervisor, FakeRun("pass", kind)).verdict, Verdict::kPassed);
    ExpectSame(before, Footprint::Take());
  }
}

TEST(SupervisorLeakTest, WhatAHostForkedGoesWithIt) {
  runs::NullLogSink log;
  Supervisor supervisor(ImpatientOptions(), &log);
  ASSERT_TRUE(supervisor.Start().ok());
  for (const HostKind kind : {HostKind::kFresh, HostKind::kResident}) {
    ASSERT_EQ(ExecuteFake(supervisor, FakeRun("pass", kind)).verdict, Verdict::kPassed);
    const Footprint before = Footprint::Take();
    EXPECT_EQ(ExecuteFake(supervisor, FakeRun("fork-and-hang", kind)).verdict, Verdict::kHung);
    ASSERT_EQ(ExecuteFake(supervisor, FakeRun("pass", kind)).verdict, Verdict::kPassed);
    ExpectSame(before, Footprint::Take());
  }
  const Footprint before = Footprint::Take();
  const RunOutcome outcome = ExecuteFake(supervisor, FakeRun("fork-and-leave", HostKind::kFresh));
  EXPECT_EQ(outcome.verdict, Verdict::kPassed) << outcome.summary;
  ExpectSame(before, Footprint::Take());
}

TEST(SupervisorLeakTest, ShutdownLeavesNoProcessDescriptorOrMapping) {
  const Footprint before = Footprint::Take();
  {
    runs::NullLogSink log;
    Supervisor supervisor(FakeHostOptions(), &log);
    ASSERT_TRUE(supervisor.Start().ok());
    for (const HostKind kind : {HostKind::kFresh, HostKind::kResident}) {
      ExecuteFake(supervisor, FakeRun("pass", kind));
    }
    EXPECT_GT(Footprint::Take().fd_count, before.fd_count);
    EXPECT_EQ(Footprint::Take().children.size(), before.children.size() + 3);
    supervisor.Shutdown();
    EXPECT_EQ(Footprint::Take().children.size(), before.children.size());
    // Nothing starts after that.
    EXPECT_EQ(ExecuteFake(supervisor, FakeRun("pass", HostKind::kResident)).verdict,
              Verdict::kError);
  }
  ExpectSame(before, Footprint::Take());
}

}  // namespace
}  // namespace stressd::supervisor
