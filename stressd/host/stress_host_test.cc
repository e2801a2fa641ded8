// Real hosts of every flavor, over the real protocol, in both modes.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stressd/host/host_client.h"
#include "stressd/protocol/exit_code.h"
#include "stressd/protocol/protocol_version.h"

namespace stressd::host {
namespace {

using protocol::ReportKind;
using protocol::RunResult;
using protocol::ToDaemon;
using protocol::ToHost;
using testing::HasSubstr;

class StressHostTest : public testing::TestWithParam<const char*> {
 protected:
  std::string flavor() const { return GetParam(); }

  static void ExpectHello(HostClient& client, const std::string& flavor, pid_t pid) {
    absl::StatusOr<ToDaemon> message = client.Next();
    ASSERT_TRUE(message.ok()) << message.status() << client.Stderr();
    ASSERT_TRUE(message->has_hello());
    EXPECT_EQ(message->hello().protocol_version(), protocol::kProtocolVersion);
    EXPECT_EQ(message->hello().flavor(), flavor);
    EXPECT_EQ(message->hello().build_id().size(), 40u);
    EXPECT_EQ(message->hello().pid(), pid);
  }

  static RunResult ExpectResult(HostClient& client, int64_t run_id) {
    absl::StatusOr<ToDaemon> message = client.Next();
    EXPECT_TRUE(message.ok()) << message.status() << client.Stderr();
    if (!message.ok()) return {};
    EXPECT_TRUE(message->has_result()) << message->content_case();
    EXPECT_EQ(message->result().run_id(), run_id);
    return message->result();
  }

  // Waits until the run has counted `operation_count` operations.
  static void AwaitProgress(HostClient& client, int64_t operation_count = 1) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (client.view().run().operation_count < operation_count) {
      ASSERT_LT(absl::Now(), deadline) << client.Stderr();
      // style: asking again, not synchronising; the condition is the count.
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  static void Shutdown(HostClient& client) {
    ToHost message;
    message.mutable_shutdown();
    client.Send(message);
  }

  static void Cancel(HostClient& client, int64_t run_id, protocol::CancelRun::Reason reason) {
    ToHost message;
    message.mutable_cancel()->set_run_id(run_id);
    message.mutable_cancel()->set_reason(reason);
    client.Send(message);
  }

  // The soak preset with a duration nobody waits for.
  static void StartLongRun(HostClient& client, int64_t run_id) {
    ToHost message;
    protocol::RunRequest* run = message.mutable_run();
    run->set_run_id(run_id);
    run->set_scenario("thread-churn");
    run->set_seed(1);
    (*run->mutable_parameters())["rounds"] = "1000000";
    client.Send(message);
  }

  static int ExpectChildExited(HostClient& server, int64_t request_id, pid_t pid) {
    absl::StatusOr<ToDaemon> message = server.Next();
    EXPECT_TRUE(message.ok()) << message.status();
    if (!message.ok()) return -1;
    EXPECT_TRUE(message->has_child_exited());
    EXPECT_EQ(message->child_exited().request_id(), request_id);
    EXPECT_EQ(message->child_exited().pid(), pid);
    return message->child_exited().wait_status();
  }

  // A fork server that has said hello.
  void StartForkServer(HostClient& server) {
    const pid_t pid = server.Spawn(flavor(), "forkserver");
    ExpectHello(server, flavor(), pid);
  }

  // Forks a fresh host and runs `scenario` in it to its end, whichever that is.
  // Returns the child's wait status; `result` is what it could tell.
  int RunFresh(HostClient& server, HostClient& client, const std::string& scenario,
               RunResult* result) {
    client.StartRun(5, scenario);
    const pid_t pid = client.ForkBy(server, 11);
    EXPECT_GT(pid, 0);
    ExpectHello(client, flavor(), pid);
    absl::StatusOr<ToDaemon> message = client.Next();
    if (message.ok() && message->has_result()) *result = message->result();
    return ExpectChildExited(server, 11, pid);
  }
};

TEST_P(StressHostTest, AResidentHostServesRunAfterRun) {
  HostClient host;
  const pid_t pid = host.Spawn(flavor(), "resident");
  ExpectHello(host, flavor(), pid);
  EXPECT_TRUE(host.view().Check().ok());
  EXPECT_EQ(host.view().identity().flavor, flavor());
  int64_t run_id = 0;
  for (const char* scenario : {"empty", "thread-churn", "empty"}) {
    host.StartRun(++run_id, scenario);
    const RunResult result = ExpectResult(host, run_id);
    EXPECT_EQ(result.verdict(), RunResult::PASSED) << scenario << result.error() << host.Stderr();
    EXPECT_EQ(result.before().SerializeAsString(), result.after().SerializeAsString());
    EXPECT_GT(result.start_latency_ns(), 0);
    EXPECT_EQ(host.view().run().run_id, run_id);
  }
  Shutdown(host);
  EXPECT_EQ(host.Wait(), 0) << host.Stderr();
}

TEST_P(StressHostTest, AResidentHostAnswersDuringARun) {
  HostClient host;
  ExpectHello(host, flavor(), host.Spawn(flavor(), "resident"));
  StartLongRun(host, 1);
  AwaitProgress(host);
  ToHost snapshot;
  snapshot.mutable_snapshot()->set_request_id(21);
  host.Send(snapshot);
  absl::StatusOr<ToDaemon> answer = host.Next();
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_TRUE(answer->has_snapshot());
  EXPECT_EQ(answer->snapshot().request_id(), 21);
  EXPECT_EQ(answer->snapshot().error(), "");
  EXPECT_EQ(answer->snapshot().run_id(), 1);
  EXPECT_EQ(answer->snapshot().interpreters_size(), 2);
  ToHost describe;
  describe.mutable_describe();
  host.Send(describe);
  answer = host.Next();
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_TRUE(answer->has_scenarios());
  EXPECT_GE(answer->scenarios().scenarios_size(), 10);
  // A second run is refused, the first one goes on.
  host.StartRun(2, "empty");
  EXPECT_EQ(ExpectResult(host, 2).verdict(), RunResult::ERROR);
  Cancel(host, 2, protocol::CancelRun::CANCELLED);
  const uint64_t progress = host.view().Progress();
  Cancel(host, 1, protocol::CancelRun::TIMED_OUT);
  const RunResult result = ExpectResult(host, 1);
  EXPECT_EQ(result.verdict(), RunResult::TIMED_OUT) << host.Stderr();
  EXPECT_GT(result.operation_count(), 0);
  EXPECT_NE(host.view().Progress(), progress);
  // The host is as good as new.
  host.StartRun(3, "empty");
  EXPECT_EQ(ExpectResult(host, 3).verdict(), RunResult::PASSED);
  Shutdown(host);
  EXPECT_EQ(host.Wait(), 0) << host.Stderr();
}

TEST_P(StressHostTest, AShutdownEndsALiveRunFirst) {
  HostClient host;
  ExpectHello(host, flavor(), host.Spawn(flavor(), "resident"));
  StartLongRun(host, 1);
  AwaitProgress(host);
  Shutdown(host);
  EXPECT_EQ(ExpectResult(host, 1).verdict(), RunResult::CANCELLED);
  EXPECT_EQ(host.Wait(), 0) << host.Stderr();
}

TEST_P(StressHostTest, AHostWhoseDaemonIsGoneEnds) {
  for (bool live_run : {false, true}) {
    HostClient host;
    ExpectHello(host, flavor(), host.Spawn(flavor(), "resident"));
    if (live_run) {
      StartLongRun(host, 1);
      AwaitProgress(host);
    }
    host.Hang();
    EXPECT_EQ(host.Wait(), 0) << host.Stderr();
  }
}

TEST_P(StressHostTest, GarbageIsAClearError) {
  const std::string cases[] = {
      std::string("\xff\xff\xff\xff", 4),      // A length beyond the limit.
      std::string("\0\0\0\0", 4),              // A frame of nothing.
      std::string("\3\0\0\0\xff\xff\xff", 7),  // No message.
      std::string("\3\0\0\0\xa0\x06\x01", 7),  // A message we don't know.
  };
  for (const char* mode : {"resident", "forkserver"}) {
    for (const std::string& bytes : cases) {
      HostClient host;
      ExpectHello(host, flavor(), host.Spawn(flavor(), mode));
      host.SendRaw(bytes);
      const int status = host.Wait();
      EXPECT_TRUE(WIFEXITED(status));
      EXPECT_EQ(WEXITSTATUS(status), protocol::kExitProtocol) << mode;
      EXPECT_THAT(host.Stderr(), HasSubstr("stressd: ")) << mode;
    }
    HostClient host;
    ExpectHello(host, flavor(), host.Spawn(flavor(), mode));
    host.SendRaw(std::string("\3\0\0\0x", 5));
    host.Hang();  // Inside a frame.
    EXPECT_EQ(WEXITSTATUS(host.Wait()), protocol::kExitProtocol) << mode;
  }
}

TEST_P(StressHostTest, ARequestForTheOtherKindOfHostIsAnError) {
  HostClient resident;
  ExpectHello(resident, flavor(), resident.Spawn(flavor(), "resident"));
  ToHost message;
  message.mutable_fork_fresh();
  resident.Send(message);
  EXPECT_EQ(WEXITSTATUS(resident.Wait()), protocol::kExitProtocol);

  HostClient server;
  StartForkServer(server);
  server.StartRun(1, "empty");
  EXPECT_EQ(WEXITSTATUS(server.Wait()), protocol::kExitProtocol);

  HostClient other_server;
  StartForkServer(other_server);
  other_server.Send(message);  // Without descriptors.
  EXPECT_EQ(WEXITSTATUS(other_server.Wait()), protocol::kExitProtocol);
}

TEST_P(StressHostTest, WrongFlagsAreAUsageError) {
  HostClient host;
  host.Spawn(flavor(), "sideways");
  EXPECT_EQ(WEXITSTATUS(host.Wait()), protocol::kExitUsage);
  EXPECT_THAT(host.Stderr(), HasSubstr("--mode"));
  HostClient stranger;
  stranger.Spawn(flavor(), "resident", {"--seed=-1"});
  EXPECT_EQ(WEXITSTATUS(stranger.Wait()), protocol::kExitUsage);
}

TEST_P(StressHostTest, AForkServerForksAHostPerRun) {
  HostClient server;
  StartForkServer(server);
  for (const char* scenario : {"thread-churn", "fork-storm", "empty"}) {
    HostClient client;
    RunResult result;
    const int status = RunFresh(server, client, scenario, &result);
    EXPECT_EQ(status, 0) << client.Stderr();
    EXPECT_EQ(result.verdict(), RunResult::PASSED) << scenario << result.error() << client.Stderr();
    EXPECT_GT(result.start_latency_ns(), 0);
    RecordProperty(flavor() + "_start_latency_us",
                   static_cast<int>(result.start_latency_ns() / 1000));
    EXPECT_EQ(client.view().run().scenario, scenario);
  }
  Shutdown(server);
  EXPECT_EQ(server.Wait(), 0) << server.Stderr();
}

TEST_P(StressHostTest, AKilledChildIsReportedAndTheServerGoesOn) {
  HostClient server;
  StartForkServer(server);
  for (int64_t i = 1; i <= 3; ++i) {
    HostClient client;
    StartLongRun(client, i);
    const pid_t pid = client.ForkBy(server, i);
    ASSERT_GT(pid, 0);
    ExpectHello(client, flavor(), pid);
    AwaitProgress(client);
    ASSERT_EQ(::kill(-pid, SIGKILL), 0) << "it leads a group of its own";
    const int status = ExpectChildExited(server, i, pid);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    // The black box survives its host.
    EXPECT_EQ(client.view().run().run_id, i);
    EXPECT_EQ(client.view().run().phase, protocol::RunPhase::kRun);
    EXPECT_FALSE(client.view().Counters().empty());
  }
  HostClient client;
  RunResult result;
  EXPECT_EQ(RunFresh(server, client, "empty", &result), 0);
  EXPECT_EQ(result.verdict(), RunResult::PASSED);
}

TEST_P(StressHostTest, AForkServersChildrenDieWithIt) {
  for (bool killed : {false, true}) {
    HostClient server;
    const pid_t server_pid = server.Spawn(flavor(), "forkserver");
    ExpectHello(server, flavor(), server_pid);
    HostClient client;
    client.StartRun(1, "canary-hang");
    const pid_t pid = client.ForkBy(server, 1);
    ASSERT_GT(pid, 0);
    ExpectHello(client, flavor(), pid);
    AwaitProgress(client);
    if (killed) {
      ASSERT_EQ(::kill(server_pid, SIGKILL), 0);
    } else {
      server.Hang();
    }
    const int status = server.Wait();
    EXPECT_EQ(status, killed ? SIGKILL : 0);
    // The child's end of its socket closes with its death.
    const absl::Status end = client.Next().status();
    EXPECT_TRUE(absl::IsOutOfRange(end)) << end;
  }
}

TEST_P(StressHostTest, ACrashIsACrash) {
  HostClient server;
  StartForkServer(server);
  HostClient client;
  RunResult result;
  const int status = RunFresh(server, client, "canary-crash", &result);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  ASSERT_TRUE(client.view().crash().has_value());
  EXPECT_EQ(client.view().crash()->signal, SIGSEGV);
  EXPECT_THAT(client.Stderr(), HasSubstr("#0 0x"));
  EXPECT_THAT(client.Stderr(), HasSubstr("WriteNowhere"));
}

TEST_P(StressHostTest, AHangShowsNoProgress) {
  HostClient server;
  StartForkServer(server);
  HostClient client;
  client.StartRun(1, "canary-hang");
  const pid_t pid = client.ForkBy(server, 1);
  ExpectHello(client, flavor(), pid);
  AwaitProgress(client);
  // Both threads count once before they wait for ever.
  AwaitProgress(client, 2);
  const uint64_t progress = client.view().Progress();
  Cancel(client, 1, protocol::CancelRun::CANCELLED);
  // style: nothing can be waited for when nothing may happen; a deadline in small.
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(client.view().Progress(), progress);
  EXPECT_EQ(client.view().run().phase, protocol::RunPhase::kRun);
  ASSERT_EQ(::kill(-pid, SIGKILL), 0);
  EXPECT_EQ(WTERMSIG(ExpectChildExited(server, 1, pid)), SIGKILL);
}

TEST_P(StressHostTest, ALostReferenceIsAViolationAndInAsanALeak) {
  HostClient server;
  StartForkServer(server);
  HostClient client;
  RunResult result;
  EXPECT_EQ(RunFresh(server, client, "canary-leak", &result), 0);
  EXPECT_EQ(result.verdict(), RunResult::VIOLATION);
  EXPECT_GT(result.violations_size(), 0);
  const bool asan = flavor() == "asan";
  EXPECT_EQ(result.leak_report(), asan);
  EXPECT_EQ(client.view().report_kind(), asan ? ReportKind::kLeak : ReportKind::kNone);
  if (asan) {
    EXPECT_THAT(client.Stderr(), HasSubstr("LeakSanitizer"));
    EXPECT_THAT(client.Stderr(), HasSubstr("NumberNew"));
  }
}

TEST_P(StressHostTest, SanitizersEndTheHostWithTheirOwnCode) {
  HostClient server;
  StartForkServer(server);
  {
    HostClient client;
    RunResult result;
    const int status = RunFresh(server, client, "canary-race", &result);
    if (flavor() == "tsan") {
      EXPECT_EQ(WEXITSTATUS(status), protocol::kExitThread);
      EXPECT_EQ(client.view().report_kind(), ReportKind::kThread);
      EXPECT_THAT(client.Stderr(), HasSubstr("data race"));
      // It went on to the run's end.
      EXPECT_EQ(result.verdict(), RunResult::SANITIZER_REPORT);
      EXPECT_GT(result.operation_count(), 0);
    }
  }
  HostClient client;
  RunResult result;
  const int status = RunFresh(server, client, "canary-use-after-free", &result);
  if (flavor() == "asan") {
    EXPECT_EQ(WEXITSTATUS(status), protocol::kExitAddress);
    EXPECT_EQ(client.view().report_kind(), ReportKind::kAddress);
    EXPECT_THAT(client.Stderr(), HasSubstr("AddressSanitizer"));
  }
  if (flavor() == "plain") {
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGABRT);
    ASSERT_TRUE(client.view().failure().has_value());
    EXPECT_EQ(client.view().failure()->invariant, "INV-ALIVE");
    EXPECT_THAT(client.Stderr(), HasSubstr("INV-ALIVE"));
  }
}

INSTANTIATE_TEST_SUITE_P(Flavors, StressHostTest, testing::Values("plain", "asan", "tsan"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace stressd::host
