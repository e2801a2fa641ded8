// A real server on a unix socket and on loopback, a real manager of runs and a
// real store; only the executor and the hosts are fakes.
#include "stressd/daemon/service/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "proto/google/rpc/error_details.pb.h"
#include "proto/google/rpc/status.pb.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "proto/stressd/v1/counters.grpc.pb.h"
#include "proto/stressd/v1/finding.grpc.pb.h"
#include "proto/stressd/v1/run.grpc.pb.h"
#include "proto/stressd/v1/scenario.grpc.pb.h"
#include "proto/stressd/v1/soak.grpc.pb.h"
#include "proto/stressd/v1/status.grpc.pb.h"
#include "stressd/daemon/findings/finding_recorder.h"
#include "stressd/daemon/runs/fake_executor.h"
#include "stressd/daemon/runs/log_sink.h"
#include "stressd/daemon/runs/run_manager.h"
#include "stressd/daemon/runs/soak_manager.h"
#include "stressd/daemon/service/fake_host_view.h"
#include "stressd/daemon/store/store.h"

namespace stressd::service {
namespace {

using ::testing::HasSubstr;

// No test waits that long unless something is broken.
constexpr absl::Duration kPatience = absl::Seconds(60);

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    // Not TempDir(): the path of a socket has at most 107 bytes.
    folder_ = "/tmp/server_XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    auto store = store::Store::Open(folder_ + "/stressd.db", {});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    recorder_ = std::make_unique<findings::FindingRecorder>(store_.get(), nullptr);
    runs::RunManagerParts parts;
    parts.catalog = &catalog_;
    parts.executor = &executor_;
    parts.sink = store_.get();
    parts.findings = recorder_.get();
    parts.log = &log_;
    runs_ = std::make_unique<runs::RunManager>(parts, runs::Limits());
    soaks_ = std::make_unique<runs::SoakManager>(runs_.get(), store_.get(), &log_);
    ASSERT_TRUE(runs_->Start().ok());
    ASSERT_TRUE(soaks_->Start().ok());
    ServerParts server_parts;
    server_parts.runs = runs_.get();
    server_parts.soaks = soaks_.get();
    server_parts.hosts = &hosts_;
    server_parts.findings = store_.get();
    server_parts.store_usage = [this] { return store_->Usage(); };
    DaemonInfo info;
    info.version = "1.2.3";
    info.state_folder = folder_;
    auto server = Server::Start(
        server_parts,
        {*ListenAddress::Parse("unix:" + folder_ + "/s"), *ListenAddress::Parse("127.0.0.1:0")},
        info);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->addresses()[0], grpc::InsecureChannelCredentials());
    run_stub_ = v1::RunService::NewStub(channel_);
    counter_stub_ = v1::CounterService::NewStub(channel_);
  }

  void TearDown() override {
    hosts_.Release();
    executor_.LetRunsGo();
    soaks_->Drain();
    runs_->Drain();
    server_.reset();
    store_->Close();
    std::filesystem::remove_all(folder_);
  }

  static void Prepare(grpc::ClientContext& context, absl::Duration deadline = kPatience) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
  }

  grpc::Status Create(const v1::CreateRunRequest& request, v1::Run* run) {
    grpc::ClientContext context;
    Prepare(context);
    return run_stub_->CreateRun(&context, request, run);
  }

  v1::Run CreateOrDie(const std::string& request_id = "") {
    v1::CreateRunRequest request;
    request.mutable_spec()->set_scenario("churn");
    request.mutable_spec()->set_seed(7);
    request.set_request_id(request_id);
    v1::Run run;
    const grpc::Status status = Create(request, &run);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return run;
  }

  // Follows a run to its end.
  v1::Run Await(const std::string& name) {
    grpc::ClientContext context;
    Prepare(context);
    v1::WatchRunRequest request;
    request.set_name(name);
    const auto reader = run_stub_->WatchRun(&context, request);
    v1::WatchRunResponse response;
    while (reader->Read(&response)) {
    }
    EXPECT_TRUE(reader->Finish().ok());
    return response.run();
  }

  std::string folder_;
  const runs::ScenarioCatalog catalog_ = runs::FakeCatalog();
  runs::FakeExecutor executor_;
  FakeHostView hosts_;
  runs::NullLogSink log_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<findings::FindingRecorder> recorder_;
  std::unique_ptr<runs::RunManager> runs_;
  std::unique_ptr<runs::SoakManager> soaks_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::RunService::Stub> run_stub_;
  std::unique_ptr<v1::CounterService::Stub> counter_stub_;
};

struct Details {
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad_request;
};

Details DetailsOf(const grpc::Status& status) {
  google::rpc::Status rich;
  EXPECT_TRUE(rich.ParseFromString(status.error_details()));
  EXPECT_EQ(rich.code(), static_cast<int>(status.error_code()));
  Details details;
  for (const auto& any : rich.details()) {
    any.UnpackTo(&details.info);
    any.UnpackTo(&details.bad_request);
  }
  return details;
}

TEST_F(ServerTest, CreatedRunIsCompleteAndEndsWithAVerdict) {
  const v1::Run run = CreateOrDie();
  EXPECT_EQ(run.name(), "runs/1");
  EXPECT_EQ(run.spec().flavor(), "plain");
  EXPECT_EQ(run.spec().host_kind(), v1::FRESH);
  EXPECT_EQ(run.spec().parameters().count("threads"), 1u);
  EXPECT_THAT(run.repeat_command(), HasSubstr("--seed=7"));
  const v1::Run end = Await(run.name());
  EXPECT_EQ(end.state(), v1::Run::FINISHED);
  EXPECT_EQ(end.verdict(), v1::PASSED);
  EXPECT_TRUE(end.has_result());
  EXPECT_TRUE(end.has_end_time());
}

TEST_F(ServerTest, LoopbackPortThatWasChosenWorks) {
  EXPECT_THAT(server_->addresses()[1], testing::Not(HasSubstr(":0")));
  const auto channel =
      grpc::CreateChannel(server_->addresses()[1], grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  Prepare(context);
  v1::DaemonStatus status;
  ASSERT_TRUE(v1::StatusService::NewStub(channel)->GetStatus(&context, {}, &status).ok());
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.addresses_size(), 2);
  EXPECT_EQ(status.flavors_size(), 2);
  EXPECT_EQ(status.hosts_size(), 1);
  EXPECT_GT(status.limits().thread_count_max(), 0);
  EXPECT_GT(status.rss_bytes(), 0);
  EXPECT_GT(status.store_bytes(), 0);
}

TEST_F(ServerTest, RequestIdMakesCreateRunIdempotent) {
  const v1::Run first = CreateOrDie("mine");
  EXPECT_EQ(CreateOrDie("mine").name(), first.name());
  EXPECT_NE(CreateOrDie("other").name(), first.name());
  v1::CreateRunRequest request;
  request.set_request_id("mine");
  request.mutable_spec()->set_scenario("forked");
  v1::Run run;
  EXPECT_EQ(Create(request, &run).error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(ServerTest, ValidateOnlyRunsNothing) {
  v1::CreateRunRequest request;
  request.mutable_spec()->set_scenario("scenarios/churn");
  request.set_validate_only(true);
  v1::Run run;
  ASSERT_TRUE(Create(request, &run).ok());
  EXPECT_EQ(run.name(), "");
  EXPECT_EQ(run.spec().scenario(), "churn");
  EXPECT_GT(run.spec().parameters_size(), 0);
  EXPECT_THAT(executor_.executed(), testing::IsEmpty());
}

struct BadSpec {
  const char* field;
  const char* value;
  grpc::StatusCode code;
  void (*spoil)(v1::CreateRunRequest& request);
};

TEST_F(ServerTest, BadFieldIsNamedWithItsValueAndWhatIsAllowed) {
  const grpc::StatusCode kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
  const std::vector<BadSpec> cases = {
      {"spec.scenario", "nope", grpc::StatusCode::NOT_FOUND,
       [](auto& request) { request.mutable_spec()->set_scenario("nope"); }},
      {"spec.flavor", "msan", kInvalid,
       [](auto& request) { request.mutable_spec()->set_flavor("msan"); }},
      {"spec.parameters", "nope", kInvalid,
       [](auto& request) { (*request.mutable_spec()->mutable_parameters())["nope"] = "1"; }},
      {"spec.parameters.threads", "0", kInvalid,
       [](auto& request) { (*request.mutable_spec()->mutable_parameters())["threads"] = "0"; }},
      {"spec.parameters.threads", "99999999999999999999", kInvalid,
       [](auto& request) {
         (*request.mutable_spec()->mutable_parameters())["threads"] = "99999999999999999999";
       }},
      {"spec.duration", "-5s 0ns", kInvalid,
       [](auto& request) { request.mutable_spec()->mutable_duration()->set_seconds(-5); }},
      {"spec.duration", nullptr, kInvalid,
       [](auto& request) {
         request.mutable_spec()->mutable_duration()->set_seconds(200'000'000'000);
       }},
      {"spec.time_limit", "9223372036854775807s 0ns", kInvalid,
       [](auto& request) {
         request.mutable_spec()->mutable_time_limit()->set_seconds(
             std::numeric_limits<int64_t>::max());
       }},
      {"spec.host_kind", "77", kInvalid,
       [](auto& request) { request.mutable_spec()->set_host_kind(static_cast<v1::HostKind>(77)); }},
      {"spec.repetition", "runs/-1", kInvalid,
       [](auto& request) { request.mutable_spec()->set_repetition("runs/-1"); }},
      {"request_id", nullptr, kInvalid,
       [](auto& request) { request.set_request_id(std::string(129, 'x')); }},
  };
  for (const BadSpec& bad : cases) {
    SCOPED_TRACE(bad.field);
    v1::CreateRunRequest request;
    request.mutable_spec()->set_scenario("churn");
    bad.spoil(request);
    v1::Run run;
    const grpc::Status status = Create(request, &run);
    EXPECT_EQ(status.error_code(), bad.code) << status.error_message();
    const Details details = DetailsOf(status);
    EXPECT_EQ(details.info.domain(), "stressd");
    const std::map<std::string, std::string> metadata(details.info.metadata().begin(),
                                                      details.info.metadata().end());
    EXPECT_EQ(metadata.count("allowed"), 1u) << status.error_message();
    ASSERT_EQ(metadata.count("field"), 1u) << status.error_message();
    EXPECT_EQ(metadata.at("field"), bad.field);
    if (bad.value != nullptr) EXPECT_EQ(metadata.at("value"), bad.value);
    if (bad.code == kInvalid) {
      ASSERT_EQ(details.bad_request.field_violations_size(), 1);
      EXPECT_EQ(details.bad_request.field_violations(0).field(), bad.field);
    }
  }
  EXPECT_THAT(executor_.executed(), testing::IsEmpty());
}

TEST_F(ServerTest, NamesThatAreNoneAreRefused) {
  for (const char* name : {"", "runs", "runs/", "runs/0", "runs/-1", "runs/1x", "runs/+1",
                           "soaks/1", "runs/99999999999999999999"}) {
    grpc::ClientContext context;
    Prepare(context);
    v1::GetRunRequest request;
    request.set_name(name);
    v1::Run run;
    EXPECT_EQ(run_stub_->GetRun(&context, request, &run).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT)
        << name;
  }
  grpc::ClientContext context;
  Prepare(context);
  v1::GetRunRequest request;
  request.set_name("runs/77");
  v1::Run run;
  const grpc::Status status = run_stub_->GetRun(&context, request, &run);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, WatchCanBeResumedAndAlwaysSendsTheEnd) {
  const v1::Run end = Await(CreateOrDie().name());
  grpc::ClientContext context;
  Prepare(context);
  v1::WatchRunRequest request;
  request.set_name(end.name());
  request.set_after_sequence(end.sequence() + 100);
  const auto reader = run_stub_->WatchRun(&context, request);
  v1::WatchRunResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.run().state(), v1::Run::FINISHED);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ServerTest, WatchOfAnUnknownRunIsRefused) {
  grpc::ClientContext context;
  Prepare(context);
  v1::WatchRunRequest request;
  request.set_name("runs/5");
  const auto reader = run_stub_->WatchRun(&context, request);
  v1::WatchRunResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, CancelledRunEndsItsWatch) {
  executor_.HoldRuns();
  const v1::Run run = CreateOrDie();
  executor_.AwaitRunning(1);
  grpc::ClientContext context;
  Prepare(context);
  v1::CancelRunRequest request;
  request.set_name(run.name());
  v1::Run cancelled;
  ASSERT_TRUE(run_stub_->CancelRun(&context, request, &cancelled).ok());
  EXPECT_TRUE(cancelled.cancel_requested());
  EXPECT_EQ(Await(run.name()).verdict(), v1::CANCELLED);
  grpc::ClientContext again;
  Prepare(again);
  EXPECT_EQ(run_stub_->CancelRun(&again, request, &cancelled).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

// Shutdown() below would wait for its whole timeout if a call were left behind.
TEST_F(ServerTest, ClientThatVanishesMidStreamLeavesNothing) {
  executor_.HoldRuns();
  const v1::Run run = CreateOrDie();
  for (int i = 0; i < 10; ++i) {
    grpc::ClientContext context;
    Prepare(context);
    v1::WatchRunRequest request;
    request.set_name(run.name());
    const auto reader = run_stub_->WatchRun(&context, request);
    v1::WatchRunResponse response;
    ASSERT_TRUE(reader->Read(&response));
    context.TryCancel();
    while (reader->Read(&response)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
    grpc::ClientContext counters_context;
    Prepare(counters_context);
    const auto counters = counter_stub_->WatchCounters(&counters_context, {});
    v1::WatchCountersResponse sample;
    ASSERT_TRUE(counters->Read(&sample));
    counters_context.TryCancel();
    while (counters->Read(&sample)) {
    }
    EXPECT_EQ(counters->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  executor_.LetRunsGo();
  EXPECT_EQ(Await(run.name()).state(), v1::Run::FINISHED);
  const absl::Time begin = absl::Now();
  server_->Shutdown(absl::Seconds(30));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
}

TEST_F(ServerTest, ShutdownEndsStreamsWithUnavailable) {
  executor_.HoldRuns();
  const v1::Run run = CreateOrDie();
  grpc::ClientContext run_context;
  Prepare(run_context);
  v1::WatchRunRequest request;
  request.set_name(run.name());
  const auto run_reader = run_stub_->WatchRun(&run_context, request);
  v1::WatchRunResponse run_response;
  ASSERT_TRUE(run_reader->Read(&run_response));
  grpc::ClientContext counter_context;
  Prepare(counter_context);
  v1::WatchCountersRequest counter_request;
  counter_request.mutable_interval()->set_seconds(3600);
  const auto counter_reader = counter_stub_->WatchCounters(&counter_context, counter_request);
  v1::WatchCountersResponse counter_response;
  ASSERT_TRUE(counter_reader->Read(&counter_response));

  std::thread shutdown([this] { server_->Shutdown(absl::Seconds(30)); });
  while (run_reader->Read(&run_response)) {
  }
  EXPECT_EQ(run_reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_FALSE(counter_reader->Read(&counter_response));
  EXPECT_EQ(counter_reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  shutdown.join();
}

TEST_F(ServerTest, HealthIsKnownPerServiceAndEndsAtDrain) {
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  const auto check = [&](const std::string& service) {
    grpc::ClientContext context;
    Prepare(context);
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse response;
    const grpc::Status status = health->Check(&context, request, &response);
    return status.ok() ? static_cast<int>(response.status())
                       : -static_cast<int>(status.error_code());
  };
  for (const char* service :
       {"", "stressd.v1.RunService", "stressd.v1.ScenarioService", "stressd.v1.CounterService",
        "stressd.v1.FindingService", "stressd.v1.SoakService", "stressd.v1.StatusService"}) {
    EXPECT_EQ(check(service), grpc::health::v1::HealthCheckResponse::SERVING) << service;
  }
  EXPECT_EQ(check("nope"), -static_cast<int>(grpc::StatusCode::NOT_FOUND));
  server_->StopServing();
  EXPECT_EQ(check("stressd.v1.RunService"), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  // Reading still works: clients see their runs end.
  EXPECT_EQ(Await(CreateOrDie().name()).verdict(), v1::PASSED);
}

TEST_F(ServerTest, ListsComeInPages) {
  for (int i = 0; i < 5; ++i) Await(CreateOrDie().name());
  std::vector<std::string> names;
  v1::ListRunsRequest request;
  request.set_page_size(2);
  do {
    grpc::ClientContext context;
    Prepare(context);
    v1::ListRunsResponse response;
    ASSERT_TRUE(run_stub_->ListRuns(&context, request, &response).ok());
    EXPECT_LE(response.runs_size(), 2);
    for (const v1::Run& run : response.runs()) names.push_back(run.name());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, testing::ElementsAre("runs/5", "runs/4", "runs/3", "runs/2", "runs/1"));

  const auto scenarios = v1::ScenarioService::NewStub(channel_);
  v1::ListScenariosRequest scenario_request;
  scenario_request.set_page_size(2);
  int scenario_count = 0;
  do {
    grpc::ClientContext context;
    Prepare(context);
    v1::ListScenariosResponse response;
    ASSERT_TRUE(scenarios->ListScenarios(&context, scenario_request, &response).ok());
    scenario_count += response.scenarios_size();
    scenario_request.set_page_token(response.next_page_token());
  } while (!scenario_request.page_token().empty());
  EXPECT_EQ(scenario_count, static_cast<int>(catalog_.scenarios().size()));
}

TEST_F(ServerTest, BadPagesAreRefused) {
  for (const auto& [size, token] : std::vector<std::pair<int, std::string>>{
           {-1, ""}, {1001, ""}, {1, "nonsense"}, {1, "cnVuczox"}}) {
    grpc::ClientContext context;
    Prepare(context);
    v1::ListSoaksRequest request;
    request.set_page_size(size);
    request.set_page_token(token);
    v1::ListSoaksResponse response;
    const grpc::Status status =
        v1::SoakService::NewStub(channel_)->ListSoaks(&context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << size << token;
  }
}

TEST_F(ServerTest, RunThatFoundSomethingHasAFinding) {
  executor_.SetVerdict(runs::Verdict::kViolation);
  const v1::Run first = Await(CreateOrDie().name());
  const v1::Run second = Await(CreateOrDie().name());
  EXPECT_EQ(first.verdict(), v1::VIOLATION);
  EXPECT_EQ(first.finding(), "findings/1");
  EXPECT_EQ(second.finding(), "findings/1");
  const auto findings = v1::FindingService::NewStub(channel_);
  grpc::ClientContext context;
  Prepare(context);
  v1::ListFindingsResponse listed;
  ASSERT_TRUE(findings->ListFindings(&context, {}, &listed).ok());
  ASSERT_EQ(listed.findings_size(), 1);
  EXPECT_EQ(listed.findings(0).run_count(), 2);
  grpc::ClientContext get_context;
  Prepare(get_context);
  v1::GetFindingRequest request;
  request.set_name("findings/1");
  v1::Finding finding;
  ASSERT_TRUE(findings->GetFinding(&get_context, request, &finding).ok());
  EXPECT_EQ(finding.first_run(), first.name());
  EXPECT_EQ(finding.last_run(), second.name());
  EXPECT_THAT(finding.repeat_command(), HasSubstr("churn"));
}

TEST_F(ServerTest, CountersAreStreamed) {
  grpc::ClientContext context;
  Prepare(context);
  v1::WatchCountersRequest request;
  request.add_flavors("plain");
  request.mutable_interval()->set_nanos(100'000'000);
  const auto reader = counter_stub_->WatchCounters(&context, request);
  v1::WatchCountersResponse response;
  int64_t attach = 0;
  for (int64_t sequence = 1; sequence <= 4; ++sequence) {
    ASSERT_TRUE(reader->Read(&response));
    EXPECT_EQ(response.sequence(), sequence);
    ASSERT_EQ(response.hosts_size(), 1);
    EXPECT_GT(response.hosts(0).counters().at("attach"), attach);
    attach = response.hosts(0).counters().at("attach");
    EXPECT_EQ(response.hosts(0).slots(0).reference_total(), 3);
    EXPECT_EQ(response.hosts(0).slots(0).owner(), v1::CounterSlot::THREAD);
  }
  context.TryCancel();
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServerTest, BadCounterRequestsAreRefused) {
  const auto status_of = [&](const v1::WatchCountersRequest& request) {
    grpc::ClientContext context;
    Prepare(context);
    const auto reader = counter_stub_->WatchCounters(&context, request);
    v1::WatchCountersResponse response;
    EXPECT_FALSE(reader->Read(&response));
    return reader->Finish();
  };
  v1::WatchCountersRequest fast;
  fast.mutable_interval()->set_nanos(99'999'999);
  EXPECT_EQ(DetailsOf(status_of(fast)).info.metadata().at("field"), "interval");
  v1::WatchCountersRequest slow;
  slow.mutable_interval()->set_seconds(3601);
  EXPECT_EQ(status_of(slow).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::WatchCountersRequest unknown;
  unknown.add_flavors("plain");
  unknown.add_flavors("msan");
  EXPECT_EQ(DetailsOf(status_of(unknown)).info.metadata().at("field"), "flavors[1]");
  v1::WatchCountersRequest dead;
  dead.add_flavors("tsan");
  EXPECT_EQ(status_of(dead).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerTest, BalanceOfABusyHostIsAborted) {
  const auto balance_of = [&](const std::string& flavor, v1::Balance* balance) {
    grpc::ClientContext context;
    Prepare(context);
    v1::GetBalanceRequest request;
    request.set_flavor(flavor);
    return counter_stub_->GetBalance(&context, request, balance);
  };
  v1::Balance balance;
  ASSERT_TRUE(balance_of("plain", &balance).ok());
  EXPECT_EQ(balance.reference_total(), 3);
  EXPECT_EQ(balance_of("tsan", &balance).error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(balance_of("", &balance).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// Calls that wait for hosts must not hold up those that do not.
TEST_F(ServerTest, SlowHostsDoNotBlockOtherCalls) {
  hosts_.Hold();
  std::vector<std::thread> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([this] {
      grpc::ClientContext context;
      Prepare(context);
      v1::GetCountersRequest request;
      request.add_flavors("plain");
      v1::GetCountersResponse response;
      EXPECT_TRUE(counter_stub_->GetCounters(&context, request, &response).ok());
    });
  }
  hosts_.AwaitWaiting(4);
  EXPECT_EQ(Await(CreateOrDie().name()).verdict(), v1::PASSED);
  hosts_.Release();
  for (std::thread& client : clients) client.join();
}

TEST_F(ServerTest, DeadlineOfTheClientHolds) {
  hosts_.Hold();
  grpc::ClientContext context;
  Prepare(context, absl::Milliseconds(50));
  v1::GetCountersRequest request;
  request.add_flavors("plain");
  v1::GetCountersResponse response;
  EXPECT_EQ(counter_stub_->GetCounters(&context, request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(ServerTest, SoakIsStartedShownAndStopped) {
  const auto soaks = v1::SoakService::NewStub(channel_);
  v1::StartSoakRequest request;
  request.mutable_plan()->set_plan_id("nightly");
  v1::SoakEntry& entry = *request.mutable_plan()->add_entries();
  entry.set_scenario("churn");
  entry.add_flavors("plain");
  v1::Soak soak;
  {
    grpc::ClientContext context;
    Prepare(context);
    ASSERT_TRUE(soaks->StartSoak(&context, request, &soak).ok());
  }
  EXPECT_EQ(soak.name(), "soaks/1");
  EXPECT_EQ(soak.state(), v1::Soak::ACTIVE);
  {
    grpc::ClientContext context;
    Prepare(context);
    v1::Soak second;
    EXPECT_EQ(soaks->StartSoak(&context, request, &second).error_code(),
              grpc::StatusCode::ALREADY_EXISTS);
  }
  {
    grpc::ClientContext context;
    Prepare(context);
    v1::StopSoakRequest stop;
    stop.set_name(soak.name());
    EXPECT_TRUE(soaks->StopSoak(&context, stop, &soak).ok());
  }
  grpc::ClientContext context;
  Prepare(context);
  entry.set_weight(-1);
  request.mutable_plan()->set_plan_id("other");
  v1::Soak bad;
  const grpc::Status status = soaks->StartSoak(&context, request, &bad);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).info.metadata().at("field"), "plan.entries[0].weight");
}

TEST_F(ServerTest, ScenarioIsDescribedWithItsParameters) {
  const auto scenarios = v1::ScenarioService::NewStub(channel_);
  v1::GetScenarioRequest request;
  request.set_name("scenarios/churn");
  v1::Scenario scenario;
  {
    grpc::ClientContext context;
    Prepare(context);
    ASSERT_TRUE(scenarios->GetScenario(&context, request, &scenario).ok());
  }
  EXPECT_EQ(scenario.scenario_id(), "churn");
  EXPECT_EQ(scenario.parameters(0).type(), v1::Parameter::INT64);
  EXPECT_EQ(scenario.parameters(0).maximum(), "64");
  request.set_name("scenarios/nope");
  grpc::ClientContext context;
  Prepare(context);
  EXPECT_EQ(scenarios->GetScenario(&context, request, &scenario).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, PortInUseIsAClearError) {
  ServerParts parts;
  parts.runs = runs_.get();
  parts.soaks = soaks_.get();
  parts.hosts = &hosts_;
  parts.findings = store_.get();
  const auto second =
      Server::Start(parts, {*ListenAddress::Parse(server_->addresses()[1])}, DaemonInfo());
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server_->addresses()[1]));
}

}  // namespace
}  // namespace stressd::service
