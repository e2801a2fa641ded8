// What else the API shows: lists, findings, counters, soaks, scenarios.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "proto/stressd/v1/counters.grpc.pb.h"
#include "proto/stressd/v1/finding.grpc.pb.h"
#include "proto/stressd/v1/run.grpc.pb.h"
#include "proto/stressd/v1/scenario.grpc.pb.h"
#include "proto/stressd/v1/soak.grpc.pb.h"
#include "stressd/daemon/service/server_fixture.h"

namespace stressd::service {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace stressd::service
