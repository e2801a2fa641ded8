// A real server on a unix socket and on loopback, a real manager of runs and a
// real store; only the executor and the hosts are fakes.
#ifndef STRESSD_DAEMON_SERVICE_SERVER_FIXTURE_H_
#define STRESSD_DAEMON_SERVICE_SERVER_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "proto/google/rpc/error_details.pb.h"
#include "proto/google/rpc/status.pb.h"
#include "proto/stressd/v1/counters.grpc.pb.h"
#include "proto/stressd/v1/run.grpc.pb.h"
#include "stressd/daemon/findings/finding_recorder.h"
#include "stressd/daemon/runs/fake_executor.h"
#include "stressd/daemon/runs/log_sink.h"
#include "stressd/daemon/runs/run_manager.h"
#include "stressd/daemon/runs/soak_manager.h"
#include "stressd/daemon/service/fake_host_view.h"
#include "stressd/daemon/service/server.h"
#include "stressd/daemon/store/store.h"

namespace stressd::service {

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

inline Details DetailsOf(const grpc::Status& status) {
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

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_SERVER_FIXTURE_H_
