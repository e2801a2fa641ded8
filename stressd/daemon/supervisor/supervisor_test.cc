// Every verdict, driven by hosts that misbehave in every way we know.
#include "stressd/daemon/supervisor/supervisor.h"

#include <signal.h>

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "stressd/daemon/supervisor/supervisor_test_helper.h"

namespace stressd::supervisor {
namespace {

using runs::HostKind;
using runs::RunOutcome;
using runs::Verdict;

class SupervisorTest : public testing::TestWithParam<HostKind> {
 protected:
  explicit SupervisorTest(const SupervisorOptions& options = FakeHostOptions())
      : supervisor_(options, &log_) {
    const absl::StatusOr<runs::ScenarioCatalog> catalog = supervisor_.Start();
    EXPECT_TRUE(catalog.ok()) << catalog.status();
    if (catalog.ok()) catalog_ = *catalog;
  }

  RunOutcome Execute(const std::string& name) {
    return ExecuteFake(supervisor_, FakeRun(name, GetParam()));
  }

  // With a time limit that is soon over.
  RunOutcome ExecuteBriefly(const std::string& name) {
    runs::RunRecord run = FakeRun(name, GetParam());
    run.spec.time_limit = absl::Milliseconds(100);
    return ExecuteFake(supervisor_, run);
  }

  // Cancels it once it is in its run phase.
  RunOutcome ExecuteAndCancel(const std::string& name) {
    const runs::RunRecord run = FakeRun(name, GetParam());
    runs::CancelToken cancel;
    ProgressGate gate;
    RunOutcome outcome;
    std::thread thread([&] {
      outcome = supervisor_.Execute(run, cancel, gate.callback());
      gate.Open();
    });
    gate.AwaitRunPhase();
    cancel.RequestCancel();
    thread.join();
    return outcome;
  }

  runs::NullLogSink log_;
  Supervisor supervisor_;
  runs::ScenarioCatalog catalog_;
};

INSTANTIATE_TEST_SUITE_P(Hosts, SupervisorTest,
                         testing::Values(HostKind::kFresh, HostKind::kResident),
                         [](const auto& info) {
                           return info.param == HostKind::kFresh ? "Fresh" : "Resident";
                         });

TEST_P(SupervisorTest, APassingRunBringsItsNumbers) {
  const RunOutcome outcome = Execute("pass");
  EXPECT_EQ(outcome.verdict, Verdict::kPassed) << outcome.summary;
  EXPECT_EQ(outcome.operation_count, 7);
  EXPECT_EQ(outcome.build_id, "0123456789abcdef");
  EXPECT_EQ(outcome.report, "");
}

TEST_P(SupervisorTest, AViolationNamesTheOracle) {
  const RunOutcome outcome = Execute("violation");
  EXPECT_EQ(outcome.verdict, Verdict::kViolation);
  ASSERT_EQ(outcome.violations.size(), 1u);
  EXPECT_EQ(outcome.violations[0].rule, "reference-balance");
}

TEST_P(SupervisorTest, AFailedCheckIsAViolationWithItsInvariant) {
  const RunOutcome outcome = Execute("check-failure");
  EXPECT_EQ(outcome.verdict, Verdict::kViolation) << outcome.summary;
  ASSERT_EQ(outcome.violations.size(), 1u);
  EXPECT_EQ(outcome.violations[0].rule, "INV-7");
  EXPECT_EQ(outcome.violations[0].location, "merge_queue.cc:42");
  EXPECT_EQ(outcome.host.signal, SIGABRT);
}

TEST_P(SupervisorTest, ASanitizerReportKeepsItsText) {
  const RunOutcome outcome = Execute("report");
  EXPECT_EQ(outcome.verdict, Verdict::kSanitizerReport) << outcome.summary;
  EXPECT_TRUE(absl::StrContains(outcome.report, "FakeSanitizer: something-bad")) << outcome.report;
}

TEST_P(SupervisorTest, ASignalIsACrash) {
  const RunOutcome outcome = Execute("crash");
  EXPECT_EQ(outcome.verdict, Verdict::kCrashed) << outcome.summary;
  EXPECT_EQ(outcome.host.signal, SIGSEGV);
  EXPECT_EQ(outcome.operation_count, 7);  // From the black box.
}

TEST_P(SupervisorTest, ARunLongerThanItsLimitIsTimedOut) {
  EXPECT_EQ(ExecuteBriefly("obey").verdict, Verdict::kTimedOut);
}

TEST_P(SupervisorTest, ACancelledRunIsCancelled) {
  EXPECT_EQ(ExecuteAndCancel("obey").verdict, Verdict::kCancelled);
}

TEST_P(SupervisorTest, NonsenseOnTheSocketIsAnError) {
  for (const char* name : {"garbage", "partial-frame", "wrong-run", "exit-zero", "exit-seven"}) {
    const RunOutcome outcome = Execute(name);
    EXPECT_EQ(outcome.verdict, Verdict::kError) << name << ": " << outcome.summary;
    EXPECT_NE(outcome.summary, "") << name;
  }
}

TEST_P(SupervisorTest, TooMuchMemoryIsAnErrorWithTheLimit) {
  const RunOutcome outcome = Execute("memory");
  EXPECT_EQ(outcome.verdict, Verdict::kError) << outcome.summary;
  EXPECT_TRUE(absl::StrContains(outcome.summary, "allowed: at most 50331648")) << outcome.summary;
}

TEST_P(SupervisorTest, APassAfterAnyDisasterStillPasses) {
  for (const char* name : {"crash", "garbage", "report"}) {
    Execute(name);
    EXPECT_EQ(Execute("pass").verdict, Verdict::kPassed) << "after " << name;
  }
}

// Hosts that would keep a patient supervisor waiting.
class ImpatientSupervisorTest : public SupervisorTest {
 protected:
  ImpatientSupervisorTest() : SupervisorTest(ImpatientOptions()) {}
};

INSTANTIATE_TEST_SUITE_P(Hosts, ImpatientSupervisorTest,
                         testing::Values(HostKind::kFresh, HostKind::kResident),
                         [](const auto& info) {
                           return info.param == HostKind::kFresh ? "Fresh" : "Resident";
                         });

TEST_P(ImpatientSupervisorTest, ASilentHostIsHungAndItsStacksAreTaken) {
  const RunOutcome outcome = Execute("hang");
  EXPECT_EQ(outcome.verdict, Verdict::kHung) << outcome.summary;
  EXPECT_TRUE(absl::StrContains(outcome.stacks, "pause")) << outcome.stacks;
  EXPECT_TRUE(absl::StrContains(outcome.stacks, "fake_host")) << outcome.stacks;
}

TEST_P(ImpatientSupervisorTest, AHostThatClosesItsSocketAndStaysIsHung) {
  const RunOutcome outcome = Execute("close-and-stay");
  EXPECT_EQ(outcome.verdict, Verdict::kHung) << outcome.summary;
}

TEST_P(ImpatientSupervisorTest, AHostThatDoesNotObeyIsStoppedAllTheSame) {
  EXPECT_EQ(ExecuteBriefly("stubborn").verdict, Verdict::kTimedOut);
  EXPECT_EQ(ExecuteAndCancel("stubborn").verdict, Verdict::kCancelled);
}

TEST_P(ImpatientSupervisorTest, AFreshHostThatDoesNotExitIsHung) {
  if (GetParam() != HostKind::kFresh) GTEST_SKIP() << "resident hosts stay";
  EXPECT_EQ(Execute("hang-at-exit").verdict, Verdict::kHung);
}

using FreshSupervisorTest = SupervisorTest;
INSTANTIATE_TEST_SUITE_P(Hosts, FreshSupervisorTest, testing::Values(HostKind::kFresh));

TEST_P(FreshSupervisorTest, ADeathAfterTheResultCounts) {
  EXPECT_EQ(Execute("crash-at-exit").verdict, Verdict::kCrashed);
  EXPECT_EQ(Execute("report-at-exit").verdict, Verdict::kSanitizerReport);
}

TEST_P(FreshSupervisorTest, RunsGoOnWhenTheForkServerIsKilled) {
  EXPECT_EQ(Execute("pass").verdict, Verdict::kPassed);
  const Footprint before = Footprint::Take();
  ASSERT_EQ(before.children.size(), 2u);  // A fork server per flavor.
  const runs::RunRecord run = FakeRun("obey", HostKind::kFresh);
  const runs::CancelToken cancel;
  ProgressGate gate;
  RunOutcome outcome;
  std::thread thread([&] {
    outcome = supervisor_.Execute(run, cancel, gate.callback());
    gate.Open();
  });
  gate.AwaitRunPhase();
  for (const int pid : before.children) kill(pid, SIGKILL);
  thread.join();
  EXPECT_EQ(outcome.verdict, Verdict::kError) << outcome.summary;
  EXPECT_TRUE(absl::StrContains(outcome.summary, "fork server")) << outcome.summary;
  EXPECT_EQ(Execute("pass").verdict, Verdict::kPassed);
}

TEST_P(FreshSupervisorTest, FreshRunsExecuteSideBySide) {
  std::vector<std::thread> threads;
  std::vector<RunOutcome> outcomes(6);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    threads.emplace_back([&, i] {
      const char* names[] = {"work", "violation", "crash"};
      outcomes[i] = ExecuteFake(supervisor_, FakeRun(names[i % 3], HostKind::kFresh));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const Verdict expected[] = {Verdict::kPassed, Verdict::kViolation, Verdict::kCrashed};
    EXPECT_EQ(outcomes[i].verdict, expected[i % 3]) << outcomes[i].summary;
  }
}

using ResidentSupervisorTest = SupervisorTest;
INSTANTIATE_TEST_SUITE_P(Hosts, ResidentSupervisorTest, testing::Values(HostKind::kResident));

TEST_P(ResidentSupervisorTest, PassingRunsShareOneHostAndOthersGetANewOne) {
  const RunOutcome first = Execute("pass");
  const RunOutcome second = Execute("pass");
  EXPECT_TRUE(second.host.still_alive);
  EXPECT_EQ(first.host.pid, second.host.pid);
  const RunOutcome violating = Execute("violation");
  EXPECT_EQ(violating.host.pid, first.host.pid);
  EXPECT_FALSE(violating.host.still_alive);
  EXPECT_NE(Execute("pass").host.pid, first.host.pid);
  const absl::StatusOr<runs::HostSample> sample = supervisor_.SampleResident("plain");
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->replacement_count, 1);
  EXPECT_EQ(sample->finished_run_count, 1);
}

TEST_P(ResidentSupervisorTest, AHostThatDiesBetweenRunsIsReplaced) {
  const RunOutcome first = Execute("pass");
  kill(static_cast<pid_t>(first.host.pid), SIGKILL);
  // Its death is seen at the next run, at the latest as that run's end.
  const RunOutcome second = Execute("pass");
  if (second.verdict != Verdict::kPassed) {
    EXPECT_EQ(second.verdict, Verdict::kCrashed) << second.summary;
  }
  EXPECT_EQ(Execute("pass").verdict, Verdict::kPassed);
}

TEST_P(ResidentSupervisorTest, SamplesAndSnapshotsWhileOthersRun) {
  std::thread runner([&] {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(Execute("work").verdict, Verdict::kPassed);
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(supervisor_.SampleResident("plain").ok());
    const absl::StatusOr<runs::HostBalance> balance =
        supervisor_.Snapshot("plain", absl::Seconds(10));
    EXPECT_TRUE(balance.ok() || absl::IsAborted(balance.status())) << balance.status();
    supervisor_.SampleHosts();
  }
  runner.join();
  const absl::StatusOr<runs::HostBalance> balance =
      supervisor_.Snapshot("plain", absl::Seconds(10));
  ASSERT_TRUE(balance.ok()) << balance.status();
  EXPECT_EQ(balance->reference_total, 42);
}

TEST(SupervisorStartTest, TellsWhyAHostDoesNotStart) {
  const struct {
    const char* misbehaviour;
    const char* words;
  } kCases[] = {{"--misbehave=exit-before-hello", "no shared library"},
                {"--misbehave=silent", "said no hello"},
                {"--misbehave=wrong-version", "speaks protocol 999"},
                {"--flavor=asan", "says it is \"asan\""},
                {"--build-id=", "build id"}};
  for (const auto& [misbehaviour, words] : kCases) {
    SupervisorOptions options = FakeHostOptions();
    options.hosts[0].extra_arguments.push_back(misbehaviour);
    if (misbehaviour == std::string_view("--misbehave=silent")) {
      options.start_timeout = absl::Milliseconds(500);
    }
    runs::NullLogSink log;
    Supervisor supervisor(options, &log);
    const absl::Status status = supervisor.Start().status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << misbehaviour;
    EXPECT_TRUE(absl::StrContains(status.message(), words)) << status;
  }
}

TEST(SupervisorStartTest, NamesTheProgramThatIsNotThere) {
  SupervisorOptions options = FakeHostOptions();
  options.hosts[1].path = "/nowhere/stress_host_tsan";
  runs::NullLogSink log;
  Supervisor supervisor(options, &log);
  const absl::Status status = supervisor.Start().status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "/nowhere/stress_host_tsan")) << status;
}

TEST(SupervisorStartTest, TheCatalogComesFromTheHosts) {
  runs::NullLogSink log;
  Supervisor supervisor(FakeHostOptions(), &log);
  const absl::StatusOr<runs::ScenarioCatalog> catalog = supervisor.Start();
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_EQ(catalog->flavors().size(), 2u);
  ASSERT_NE(catalog->Find("pass"), nullptr);
  EXPECT_EQ(catalog->Find("pass")->parameters.at(0).maximum, "64");
}

}  // namespace
}  // namespace stressd::supervisor
