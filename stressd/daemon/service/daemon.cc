#include "stressd/daemon/service/daemon.h"

#include <pthread.h>
#include <signal.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "stressd/daemon/findings/finding_recorder.h"
#include "stressd/daemon/findings/symbolizer.h"
#include "stressd/daemon/runs/run_manager.h"
#include "stressd/daemon/runs/scenario_catalog.h"
#include "stressd/daemon/runs/soak_manager.h"
#include "stressd/daemon/service/conversion.h"
#include "stressd/daemon/service/host_binaries.h"
#include "stressd/daemon/service/server.h"
#include "stressd/daemon/service/spdlog_sink.h"
#include "stressd/daemon/store/state_folder.h"
#include "stressd/daemon/store/store.h"
#include "stressd/daemon/supervisor/supervisor.h"
#include "stressd/protocol/build_id.h"

namespace stressd::service {
namespace {

constexpr int kExitCannotRun = 3;
// The chronicle of the hosts' memory and totals: 8640 rows a day and process.
constexpr int kSampleIntervalSeconds = 10;
// For calls in flight once all runs have ended.
constexpr absl::Duration kCallDrainTimeout = absl::Seconds(5);

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

absl::StatusOr<runs::SoakPlan> ReadSoakFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file.good()) {
    return absl::InvalidArgumentError(absl::StrCat("soak: \"", path, "\" cannot be read"));
  }
  absl::StatusOr<runs::SoakPlan> plan = ParseSoakPlan(text.str());
  if (plan.ok()) return plan;
  return absl::Status(plan.status().code(), absl::StrCat(path, ": ", plan.status().message()));
}

class Daemon {
 public:
  explicit Daemon(const DaemonOptions& options)
      : options_(options), log_(options.log_level), start_time_(absl::Now()) {}
  ~Daemon() { Drain(); }

  absl::Status Start() {
    for (const auto step : {&Daemon::OpenState, &Daemon::StartHosts, &Daemon::StartRuns,
                            &Daemon::StartSoaks, &Daemon::StartServer}) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void WaitForSignal() {
    const sigset_t signals = StopSignals();
    for (;;) {
      const timespec timeout = {kSampleIntervalSeconds, 0};
      const int signal = sigtimedwait(&signals, nullptr, &timeout);
      if (signal > 0) {
        Log(runs::LogLevel::kInfo, absl::StrCat("signal ", signal, ": draining"));
        return;
      }
      if (errno == EAGAIN) {
        sd_notify(0, "WATCHDOG=1");
        RecordSamples();
      }
    }
  }

  // Ends everything in the order of daemon.h. Idempotent.
  void Drain() {
    sd_notify(0, "STOPPING=1");
    if (server_ != nullptr) server_->StopServing();
    if (soaks_ != nullptr) soaks_->Drain();
    if (runs_ != nullptr) runs_->Drain();
    if (server_ != nullptr) server_->Shutdown(kCallDrainTimeout);
    server_.reset();
    soaks_.reset();
    runs_.reset();
    if (supervisor_ != nullptr) supervisor_->Shutdown();
    supervisor_.reset();
    if (store_ != nullptr) store_->Close();
  }

 private:
  void Log(runs::LogLevel level, const std::string& message) { log_.Log(level, message); }

  absl::Status OpenState() {
    auto folder = store::StateFolder::Open(options_.state_dir);
    if (!folder.ok()) return folder.status();
    folder_.emplace(*std::move(folder));
    addresses_ = options_.listen;
    if (addresses_.empty()) {
      auto address =
          ListenAddress::Parse(absl::StrCat("unix:", DefaultSocketPath(folder_->path())));
      if (!address.ok()) return address.status();
      addresses_.push_back(*std::move(address));
    }
    for (const ListenAddress& address : addresses_) {
      if (address.unix_path.empty()) continue;
      auto socket = UnixSocket::Claim(address.unix_path);
      if (!socket.ok()) return socket.status();
      sockets_.push_back(*std::move(socket));
    }
    auto store = store::Store::Open(folder_->File("stressd.db"), options_.retention);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    recorder_ = std::make_unique<findings::FindingRecorder>(
        store_.get(),
        [this](std::vector<findings::StackFrame>& frames) { symbolizer_.Symbolize(frames); });
    return absl::OkStatus();
  }

  absl::Status StartHosts() {
    const auto hosts =
        FindHosts(options_.host_dir.empty() ? HostFolders(OwnPath())
                                            : std::vector<std::string>{options_.host_dir});
    if (!hosts.ok()) return hosts.status();
    supervisor::SupervisorOptions options;
    for (const FoundHost& host : *hosts) {
      supervisor::HostBinary binary;
      binary.flavor = host.flavor;
      binary.path = host.path;
      options.hosts.push_back(std::move(binary));
    }
    options.limits = options_.limits;
    supervisor_ = std::make_unique<supervisor::Supervisor>(std::move(options), &log_);
    auto catalog = supervisor_->Start();
    if (!catalog.ok()) return catalog.status();
    catalog_ = *std::move(catalog);
    return absl::OkStatus();
  }

  absl::Status StartRuns() {
    runs::RunManagerParts parts;
    parts.catalog = &catalog_;
    parts.executor = supervisor_.get();
    parts.sink = store_.get();
    parts.findings = recorder_.get();
    parts.log = &log_;
    runs_ = std::make_unique<runs::RunManager>(parts, options_.limits);
    soaks_ = std::make_unique<runs::SoakManager>(runs_.get(), store_.get(), &log_);
    return runs_->Start();
  }

  absl::Status StartSoaks() {
    if (absl::Status started = soaks_->Start(); !started.ok()) return started;
    for (const std::string& path : options_.soak_files) {
      absl::StatusOr<runs::SoakPlan> plan = ReadSoakFile(path);
      if (!plan.ok()) return plan.status();
      const auto soak = soaks_->StartOrResumeSoak(*std::move(plan));
      if (!soak.ok()) {
        return absl::Status(soak.status().code(),
                            absl::StrCat(path, ": ", soak.status().message()));
      }
      Log(runs::LogLevel::kInfo, absl::StrCat("soaks/", soak->id, " of ", path, " is ",
                                              std::string(runs::SoakStateName(soak->state))));
    }
    return absl::OkStatus();
  }

  absl::Status StartServer() {
    ServerParts parts;
    parts.runs = runs_.get();
    parts.soaks = soaks_.get();
    parts.hosts = supervisor_.get();
    parts.findings = store_.get();
    parts.store_usage = [this] { return store_->Usage(); };
    DaemonInfo info;
    info.version = kVersion;
    info.build_id = protocol::OwnBuildId();
    info.state_folder = folder_->path();
    info.start_time = start_time_;
    auto server = Server::Start(parts, addresses_, std::move(info));
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    // One line for whoever started us and waits for the address.
    std::cout << "stressd: listening on " << absl::StrJoin(server_->addresses(), " ") << std::endl;
    Log(runs::LogLevel::kInfo,
        absl::StrCat("listening on ", absl::StrJoin(server_->addresses(), " ")));
    sd_notify(0, "READY=1");
    return absl::OkStatus();
  }

  void RecordSamples() {
    std::vector<store::HostSampleRow> rows;
    store::HostSampleRow own;
    own.sample_time = absl::Now();
    own.process = "stressd";
    own.pid = getpid();
    own.finished_run_count = runs_->Status().finished_run_count;
    own.rss_bytes = OwnRssBytes();
    rows.push_back(std::move(own));
    for (runs::HostSample& sample : supervisor_->SampleHosts()) {
      if (sample.kind != runs::HostKind::kResident) continue;
      store::HostSampleRow row;
      row.sample_time = sample.sample_time;
      row.process = sample.flavor;
      row.pid = sample.pid;
      row.run_id = sample.run_id;
      row.finished_run_count = sample.finished_run_count;
      row.rss_bytes = sample.rss_bytes;
      row.reference_total = sample.reference_total;
      row.counters = std::move(sample.counters);
      rows.push_back(std::move(row));
    }
    const absl::Status stored = store_->PutHostSamples(rows);
    if (!stored.ok()) {
      Log(runs::LogLevel::kWarning, absl::StrCat("samples are lost: ", stored.message()));
    }
  }

  const DaemonOptions options_;
  SpdlogSink log_;
  const absl::Time start_time_;
  std::optional<store::StateFolder> folder_;
  std::vector<ListenAddress> addresses_;
  std::vector<UnixSocket> sockets_;
  std::unique_ptr<store::Store> store_;
  const findings::Symbolizer symbolizer_;
  std::unique_ptr<findings::FindingRecorder> recorder_;
  std::unique_ptr<supervisor::Supervisor> supervisor_;
  runs::ScenarioCatalog catalog_;
  std::unique_ptr<runs::RunManager> runs_;
  std::unique_ptr<runs::SoakManager> soaks_;
  std::unique_ptr<Server> server_;
};

}  // namespace

int RunDaemon(const DaemonOptions& options) {
  // Before the first thread, so that every thread inherits it.
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  Daemon daemon(options);
  if (const absl::Status started = daemon.Start(); !started.ok()) {
    std::cerr << "stressd: " << started.message() << std::endl;
    return kExitCannotRun;
  }
  daemon.WaitForSignal();
  daemon.Drain();
  return 0;
}

}  // namespace stressd::service
