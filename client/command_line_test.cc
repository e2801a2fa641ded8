// The whole client in this process, against a daemon made of canned answers on
// a unix socket: what it asks for, what it prints, how it exits.

#include "client/command_line.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "proto/stressd/v1/counters.grpc.pb.h"
#include "proto/stressd/v1/finding.grpc.pb.h"
#include "proto/stressd/v1/run.grpc.pb.h"
#include "proto/stressd/v1/scenario.grpc.pb.h"
#include "proto/stressd/v1/soak.grpc.pb.h"
#include "proto/stressd/v1/status.grpc.pb.h"

namespace stressd::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Runs of the seeds in `verdicts` end so, all others pass. A run is QUEUED when
// created, RUNNING in its first watch message, FINISHED in its second.
class FakeRuns final : public v1::RunService::Service {
 public:
  grpc::Status CreateRun(grpc::ServerContext*, const v1::CreateRunRequest* request,
                         v1::Run* run) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (request->spec().scenario() == "nothing") {
      return {grpc::StatusCode::NOT_FOUND, "spec.scenario: 'nothing' is unknown"};
    }
    requests_.push_back(*request);
    *run->mutable_spec() = request->spec();
    if (!request->validate_only()) {
      run->set_name(absl::StrCat("runs/", runs_.size() + 1));
      run->set_state(v1::Run::QUEUED);
      runs_[run->name()] = *run;
    }
    return grpc::Status::OK;
  }

  grpc::Status WatchRun(grpc::ServerContext*, const v1::WatchRunRequest* request,
                        grpc::ServerWriter<v1::WatchRunResponse>* writer) override {
    v1::WatchRunResponse response;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto found = runs_.find(request->name());
      if (found == runs_.end()) return {grpc::StatusCode::NOT_FOUND, "no such run"};
      *response.mutable_run() = found->second;
    }
    v1::Run& run = *response.mutable_run();
    run.set_state(v1::Run::RUNNING);
    run.mutable_progress()->set_phase("run");
    run.set_sequence(2);
    writer->Write(response);
    Finish(&run);
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status GetRun(grpc::ServerContext*, const v1::GetRunRequest* request,
                      v1::Run* run) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = runs_.find(request->name());
    if (found == runs_.end()) return {grpc::StatusCode::NOT_FOUND, "no such run"};
    *run = found->second;
    Finish(run);
    return grpc::Status::OK;
  }

  // Two pages of one run each.
  grpc::Status ListRuns(grpc::ServerContext*, const v1::ListRunsRequest* request,
                        v1::ListRunsResponse* response) override {
    v1::Run* run = response->add_runs();
    run->mutable_spec()->set_scenario("thread-churn");
    run->set_name(request->page_token().empty() ? "runs/2" : "runs/1");
    Finish(run);
    if (request->page_token().empty()) response->set_next_page_token("second");
    return grpc::Status::OK;
  }

  void Finish(v1::Run* run) {
    run->set_state(v1::Run::FINISHED);
    run->set_sequence(3);
    const auto found = verdicts.find(run->spec().seed());
    run->set_verdict(found == verdicts.end() ? v1::PASSED : found->second);
    run->set_repeat_command(
        absl::StrCat("stressctl run ", run->spec().scenario(), " --seed=", run->spec().seed()));
    v1::RunResult& result = *run->mutable_result();
    (*result.mutable_counters())["attach_count"] = 12345;
    v1::ReferenceTotal* total = result.add_references();
    total->set_type("total");
    total->set_before(10);
    total->set_after(run->verdict() == v1::VIOLATION ? 11 : 10);
    if (run->verdict() == v1::VIOLATION) {
      v1::Violation* violation = result.add_violations();
      violation->set_rule("reference-balance");
      violation->set_message("10 before, 11 after");
    }
  }

  std::vector<v1::CreateRunRequest> requests() {
    std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }

  std::map<uint64_t, v1::Verdict> verdicts;

 private:
  std::mutex mutex_;
  std::vector<v1::CreateRunRequest> requests_;
  std::map<std::string, v1::Run> runs_;
};

class FakeScenarios final : public v1::ScenarioService::Service {
 public:
  grpc::Status GetScenario(grpc::ServerContext*, const v1::GetScenarioRequest* request,
                           v1::Scenario* scenario) override {
    if (request->name() != "scenarios/thread-churn") {
      return {grpc::StatusCode::NOT_FOUND, "no such scenario"};
    }
    scenario->set_scenario_id("thread-churn");
    scenario->set_summary("Threads come and go.");
    v1::Parameter* parameter = scenario->add_parameters();
    parameter->set_parameter_id("threads");
    parameter->set_type(v1::Parameter::INT64);
    parameter->set_minimum("1");
    parameter->set_maximum("64");
    v1::Preset* preset = scenario->add_presets();
    preset->set_preset_id("smoke");
    (*preset->mutable_parameters())["threads"] = "3";
    (*preset->mutable_parameters())["rounds"] = "5";
    return grpc::Status::OK;
  }
};

class FakeCounters final : public v1::CounterService::Service {
 public:
  grpc::Status WatchCounters(grpc::ServerContext* context, const v1::WatchCountersRequest*,
                             grpc::ServerWriter<v1::WatchCountersResponse>* writer) override {
    v1::WatchCountersResponse response;
    v1::HostCounters* host = response.add_hosts();
    host->set_flavor("plain");
    (*host->mutable_counters())["attach_count"] = 7;
    while (!context->IsCancelled() && writer->Write(response)) {
    }
    return grpc::Status::OK;
  }
};

class FakeSoaks final : public v1::SoakService::Service {
 public:
  grpc::Status StartSoak(grpc::ServerContext*, const v1::StartSoakRequest* request,
                         v1::Soak* soak) override {
    soak->set_name("soaks/1");
    soak->set_state(v1::Soak::ACTIVE);
    *soak->mutable_plan() = request->plan();
    return grpc::Status::OK;
  }
};

struct Result {
  int code;
  std::string out;
  std::string err;
};

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() {
    setenv("NO_COLOR", "1", 1);
    // Short: a unix socket's path has at most 107 characters.
    char folder[] = "/tmp/stressctl-XXXXXX";
    folder_ = mkdtemp(folder);
    address_ = absl::StrCat("unix:", folder_, "/s");
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&runs_);
    builder.RegisterService(&scenarios_);
    builder.RegisterService(&counters_);
    builder.RegisterService(&soaks_);
    server_ = builder.BuildAndStart();
  }
  ~CommandLineTest() override {
    server_->Shutdown();
    server_.reset();
    unlink(absl::StrCat(folder_, "/s").c_str());
    rmdir(folder_.c_str());
  }

  Result Execute(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv = {"stressctl", "--address", address_.c_str()};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Result result;
    result.code = ExecuteCommandLine(static_cast<int>(argv.size()), argv.data());
    result.out = testing::internal::GetCapturedStdout();
    result.err = testing::internal::GetCapturedStderr();
    return result;
  }

  FakeRuns runs_;
  FakeScenarios scenarios_;
  FakeCounters counters_;
  FakeSoaks soaks_;
  std::string folder_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(CommandLineTest, APassedRunExitsWithZeroAndShowsItsCounters) {
  const Result result = Execute({"run", "thread-churn", "--seed=7", "--param=threads=4"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("PASSED"));
  EXPECT_THAT(result.out, HasSubstr("12,345"));
  EXPECT_THAT(result.out, Not(HasSubstr("repeat ")));
  ASSERT_EQ(runs_.requests().size(), 1u);
  EXPECT_EQ(runs_.requests()[0].spec().seed(), 7u);
  EXPECT_EQ(runs_.requests()[0].spec().parameters().at("threads"), "4");
  EXPECT_FALSE(runs_.requests()[0].request_id().empty());
}

TEST_F(CommandLineTest, TheLastLineOfAFailedRunRepeatsIt) {
  runs_.verdicts[7] = v1::VIOLATION;
  const Result result = Execute({"run", "thread-churn", "--seed=7"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, HasSubstr("reference-balance: 10 before, 11 after"));
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.back(), "repeat   stressctl run thread-churn --seed=7");
}

TEST_F(CommandLineTest, ARepeatedRunCountsItsSeedsUpAndShowsTheInterval) {
  runs_.verdicts[102] = v1::HUNG;
  const Result result = Execute(
      {"run", "thread-churn", "--flavor=plain,tsan", "--seed=101", "--repeat=4", "--parallel=3"});
  EXPECT_EQ(result.code, 1);
  const auto requests = runs_.requests();
  ASSERT_EQ(requests.size(), 8u);
  EXPECT_EQ(requests[3].spec().seed(), 104u);
  EXPECT_EQ(requests[4].spec().seed(), 101u);
  EXPECT_EQ(requests[4].spec().flavor(), "tsan");
  EXPECT_THAT(result.out, HasSubstr("0.25"));
  EXPECT_THAT(result.out, HasSubstr("[0.0456, 0.699]")) << "Wilson, 1 of 4";
  EXPECT_THAT(result.out, HasSubstr("3 PASSED, 1 HUNG"));
}

TEST_F(CommandLineTest, APresetIsOverriddenByParameters) {
  const Result result =
      Execute({"run", "thread-churn", "--preset=smoke", "--param=rounds=9", "--dry-run"});
  EXPECT_EQ(result.code, 0) << result.err;
  const auto requests = runs_.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_TRUE(requests[0].validate_only());
  EXPECT_EQ(requests[0].spec().parameters().at("threads"), "3");
  EXPECT_EQ(requests[0].spec().parameters().at("rounds"), "9");
  EXPECT_EQ(Execute({"run", "thread-churn", "--preset=smok"}).code, 2);
}

TEST_F(CommandLineTest, NdjsonIsOneFinishedRunALine) {
  runs_.verdicts[2] = v1::CANCELLED;
  const Result result = Execute({"-o", "ndjson", "run", "thread-churn", "--seed=1", "--repeat=2"});
  EXPECT_EQ(result.code, 5);
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u);
  v1::Run run;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(lines[1], &run).ok());
  EXPECT_EQ(run.verdict(), v1::CANCELLED);
}

TEST_F(CommandLineTest, JsonListsReadEveryPage) {
  const Result result = Execute({"runs", "list", "-o", "json"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, HasSubstr("runs/1"));
  EXPECT_THAT(result.out, HasSubstr("runs/2"));
  EXPECT_EQ(result.out.front(), '[');
}

TEST_F(CommandLineTest, ARefusedRequestIsAUsageErrorWithTheDaemonsWords) {
  const Result result = Execute({"run", "nothing"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("spec.scenario: 'nothing' is unknown"));
  EXPECT_EQ(result.out, "");
}

TEST_F(CommandLineTest, BadFlagsAreUsageErrorsThatNameTheValue) {
  const std::vector<std::vector<std::string>> cases = {
      {"run", "x", "--duration=-3s"},
      {"run", "x", "--duration=soon"},
      {"run", "x", "--seed=18446744073709551616"},
      {"run", "x", "--seed=-1"},
      {"run", "x", "--repeat=0"},
      {"run", "x", "--host=cloud"},
      {"run", "x", "--param=threads"},
      {"run"},
      {"runs", "list", "--state=asleep"},
      {"-o", "yaml", "status"},
      {"counters", "--interval=1ms"},
      {"soak", "start", "/does/not/exist"},
      {"lst"},
  };
  for (const auto& arguments : cases) {
    const Result result = Execute(arguments);
    EXPECT_EQ(result.code, 2) << arguments.back();
    EXPECT_EQ(result.out, "") << arguments.back();
    const std::string value = arguments.back().substr(arguments.back().find('=') + 1);
    if (arguments.back().find('=') != std::string::npos) {
      EXPECT_THAT(result.err, HasSubstr(value));
    }
  }
}

TEST_F(CommandLineTest, AnUnreachableDaemonHasItsOwnExitCode) {
  address_ = absl::StrCat("unix:", folder_, "/nobody");
  const Result result = Execute({"status"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("nobody"));
}

TEST_F(CommandLineTest, WatchingCountersEndsAfterTheSamplesAskedFor) {
  const Result result =
      Execute({"-o", "ndjson", "counters", "--watch", "--interval=100ms", "--samples=3"});
  EXPECT_EQ(result.code, 0) << result.err;
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), 3u);
}

TEST_F(CommandLineTest, ASoakPlanIsTextProtoAndItsErrorsHaveAPlace) {
  const std::string path = absl::StrCat(folder_, "/plan");
  std::ofstream(path) << "plan_id: \"nightly\"\nentries { scenario: \"thread-churn\" }\n";
  const Result good = Execute({"soak", "start", path});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("nightly"));
  std::ofstream(path) << "plan_id: \"nightly\"\nentrys { }\n";
  const Result bad = Execute({"soak", "start", path});
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr("plan:2:8:"));
  unlink(path.c_str());
}

TEST_F(CommandLineTest, HelpAndVersionAreResults) {
  const Result help = Execute({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("Exit codes"));
  const Result version = Execute({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.out, HasSubstr("build "));
}

}  // namespace
}  // namespace stressd::client
