// Runs over the API, health, and how the server ends.
#include "stressd/daemon/service/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "proto/stressd/v1/counters.grpc.pb.h"
#include "proto/stressd/v1/run.grpc.pb.h"
#include "proto/stressd/v1/status.grpc.pb.h"
#include "stressd/daemon/service/server_fixture.h"

namespace stressd::service {
namespace {

using ::testing::HasSubstr;

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
      {"spec.plan.pct.depth", "0", kInvalid,
       [](auto& request) { request.mutable_spec()->set_plan("pct:depth=0"); }},
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

// Calls that wait for hosts must not hold up those that do not.
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
