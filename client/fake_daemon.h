// The whole client in the test's process, against a daemon made of canned answers
// on a unix socket: what it asks for, what it prints, how it exits.
//
// Thread safety.  A fixture is used by one test; the services lock what the
// server's threads share.
#ifndef CLIENT_FAKE_DAEMON_H_
#define CLIENT_FAKE_DAEMON_H_

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command_line.h"
#include "gtest/gtest.h"
#include "proto/stressd/v1/counters.grpc.pb.h"
#include "proto/stressd/v1/finding.grpc.pb.h"
#include "proto/stressd/v1/run.grpc.pb.h"
#include "proto/stressd/v1/scenario.grpc.pb.h"
#include "proto/stressd/v1/soak.grpc.pb.h"
#include "proto/stressd/v1/status.grpc.pb.h"

namespace stressd::client {

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
    if (finding_of != nullptr) run->set_finding(finding_of(run->spec()));
    if (!run->finding().empty()) run->set_verdict(v1::VIOLATION);
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
  // The finding that a run of such a spec shows, or empty; null: none shows any.
  std::function<std::string(const v1::RunSpec&)> finding_of;

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

// `findings/1`, shown by `first_run`.
class FakeFindings final : public v1::FindingService::Service {
 public:
  grpc::Status GetFinding(grpc::ServerContext*, const v1::GetFindingRequest* request,
                          v1::Finding* finding) override {
    if (request->name() != "findings/1") {
      return {grpc::StatusCode::NOT_FOUND, "no such finding"};
    }
    finding->set_name("findings/1");
    finding->set_first_run(first_run);
    finding->set_last_run(first_run);
    finding->set_repeat_command("stressctl run thread-churn --seed=7");
    return grpc::Status::OK;
  }

  std::string first_run;
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

class FakeDaemonTest : public ::testing::Test {
 protected:
  FakeDaemonTest() {
    setenv("NO_COLOR", "1", 1);
    // Short: a unix socket's path has at most 107 characters.
    char folder[] = "/tmp/stressctl-XXXXXX";
    folder_ = mkdtemp(folder);
    address_ = absl::StrCat("unix:", folder_, "/s");
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&runs_);
    builder.RegisterService(&scenarios_);
    builder.RegisterService(&findings_);
    builder.RegisterService(&counters_);
    builder.RegisterService(&soaks_);
    server_ = builder.BuildAndStart();
  }
  ~FakeDaemonTest() override {
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
  FakeFindings findings_;
  FakeCounters counters_;
  FakeSoaks soaks_;
  std::string folder_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace stressd::client

#endif  // CLIENT_FAKE_DAEMON_H_
