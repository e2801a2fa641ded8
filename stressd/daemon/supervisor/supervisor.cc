#include "stressd/daemon/supervisor/supervisor.h"

#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stressd/daemon/supervisor/catalog_maker.h"
#include "stressd/daemon/supervisor/fork_server.h"
#include "stressd/daemon/supervisor/live_hosts.h"
#include "stressd/daemon/supervisor/process_spawner.h"
#include "stressd/daemon/supervisor/result_conversion.h"
#include "stressd/daemon/supervisor/run_driver.h"
#include "stressd/daemon/supervisor/run_ending.h"
#include "stressd/daemon/supervisor/spawned_host.h"
#include "stressd/protocol/message.h"

namespace stressd::supervisor {
namespace {

using runs::HostKind;
using runs::LogLevel;
using runs::RunOutcome;
using runs::Verdict;

RunOutcome ErrorOutcome(const absl::Status& status) {
  RunOutcome outcome;
  outcome.verdict = Verdict::kError;
  outcome.summary = std::string(status.message());
  return outcome;
}

// Everything of one flavor.
struct Flavor {
  HostBinary binary;
  FlavorFactors factors;
  std::string build_id;  // Constant after Start().

  std::mutex resident_mutex;  // Guards the next three; held during its runs: U2.
  std::unique_ptr<SpawnedHost> resident;
  std::shared_ptr<LiveHost> resident_entry;
  int64_t resident_start_count = 0;

  std::mutex server_mutex;  // Guards server.
  std::shared_ptr<ForkServer> server;
};

}  // namespace

FlavorFactors FactorsOf(absl::string_view flavor) {
  // Slowdowns of the sanitizers as measured on this machine kind: TSan 15 to 30
  // in the run itself, but a heartbeat is many operations; memory 5 to 8.
  if (flavor == "tsan") return {4, 8};
  if (flavor == "asan") return {2, 4};
  return {1, 1};
}

class Supervisor::Impl {
 public:
  Impl(SupervisorOptions options, runs::LogSink* log);

  absl::StatusOr<runs::ScenarioCatalog> Start();
  RunOutcome Execute(const runs::RunRecord& run, const runs::CancelToken& cancel,
                     const ProgressCallback& on_progress);
  std::vector<runs::HostSample> SampleHosts();
  absl::StatusOr<runs::HostSample> SampleResident(absl::string_view flavor);
  absl::StatusOr<runs::HostBalance> Snapshot(absl::string_view flavor, absl::Duration timeout);
  void Shutdown();

 private:
  struct Call {
    const runs::RunRecord& run;
    const runs::CancelToken& cancel;
    const ProgressCallback& on_progress;
  };

  Flavor* Find(absl::string_view name);
  absl::Status UnknownFlavor(absl::string_view name) const;
  RunOutcome ExecuteResident(Flavor& flavor, const Call& call);
  RunOutcome ExecuteFresh(Flavor& flavor, const Call& call);
  RunOutcome DriveAndEnd(Flavor& flavor, HostProcess& host, bool stays_alive, const Call& call);
  absl::Status EnsureResidentLocked(Flavor& flavor);
  void DropResidentLocked(Flavor& flavor, absl::Duration grace);
  absl::StatusOr<std::shared_ptr<ForkServer>> EnsureServer(Flavor& flavor);
  absl::StatusOr<std::unique_ptr<HostProcess>> ForkHost(Flavor& flavor);
  absl::StatusOr<runs::HostBalance> AskBalance(Flavor& flavor, absl::Duration timeout);
  std::shared_ptr<LiveHost> Register(const Flavor& flavor, HostKind kind, HostProcess& host,
                                     int64_t replacement_count);
  void StopFlavor(Flavor& flavor);
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  const SupervisorOptions options_;
  runs::LogSink& log_;
  ProcessSpawner spawner_;
  LiveHosts live_hosts_;
  std::vector<std::unique_ptr<Flavor>> flavors_;  // Constant; each has its locks.
  // relaxed: rechecked under the flavor's mutexes, which Shutdown() takes.
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> next_request_id_{1};  // relaxed: a number, orders nothing.
};

Supervisor::Impl::Impl(SupervisorOptions options, runs::LogSink* log)
    : options_(std::move(options)), log_(*log) {
  // Fails on no kernel we run on; without it orphans go to init.
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  for (const HostBinary& binary : options_.hosts) {
    auto flavor = std::make_unique<Flavor>();
    flavor->binary = binary;
    flavor->factors = FactorsOf(binary.flavor);
    flavors_.push_back(std::move(flavor));
  }
}

Flavor* Supervisor::Impl::Find(absl::string_view name) {
  for (const std::unique_ptr<Flavor>& flavor : flavors_) {
    if (name == flavor->binary.flavor) return flavor.get();
  }
  return nullptr;
}

absl::Status Supervisor::Impl::UnknownFlavor(absl::string_view name) const {
  std::string known;
  for (const std::unique_ptr<Flavor>& flavor : flavors_) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", flavor->binary.flavor);
  }
  return absl::NotFoundError(absl::StrCat("flavor: \"", name, "\" is unknown; allowed: ", known));
}

absl::StatusOr<runs::ScenarioCatalog> Supervisor::Impl::Start() {
  if (flavors_.empty()) return absl::InvalidArgumentError("hosts: none; allowed: at least one");
  CatalogMaker catalog;
  for (const std::unique_ptr<Flavor>& flavor : flavors_) {
    absl::StatusOr<std::shared_ptr<ForkServer>> server = EnsureServer(*flavor);
    if (!server.ok()) return server.status();
    flavor->build_id = (*server)->build_id();
    absl::StatusOr<protocol::ScenarioList> list = (*server)->Describe(options_.start_timeout);
    if (!list.ok()) return list.status();
    catalog.Add({flavor->binary.flavor, flavor->build_id, flavor->binary.path}, *list);
  }
  return std::move(catalog).Make();
}

RunOutcome Supervisor::Impl::Execute(const runs::RunRecord& run, const runs::CancelToken& cancel,
                                     const ProgressCallback& on_progress) {
  Flavor* flavor = Find(run.spec.flavor);
  if (flavor == nullptr) return ErrorOutcome(UnknownFlavor(run.spec.flavor));
  const Call call = {run, cancel, on_progress};
  RunOutcome outcome;
  if (cancel.IsCancelled()) {
    outcome.verdict = Verdict::kCancelled;
    outcome.summary = "cancelled before it started";
  } else if (run.spec.host_kind == HostKind::kResident) {
    outcome = ExecuteResident(*flavor, call);
  } else {
    outcome = ExecuteFresh(*flavor, call);
  }
  outcome.build_id = flavor->build_id;
  return outcome;
}

std::shared_ptr<LiveHost> Supervisor::Impl::Register(const Flavor& flavor, HostKind kind,
                                                     HostProcess& host, int64_t replacement_count) {
  auto entry = std::make_shared<LiveHost>();
  entry->flavor = flavor.binary.flavor;
  entry->kind = kind;
  entry->pid = host.pid();
  entry->build_id = flavor.build_id;
  entry->start_time = absl::Now();
  entry->replacement_count = replacement_count;
  entry->black_box = host.channel().black_box;
  live_hosts_.Add(entry);
  return entry;
}

RunOutcome Supervisor::Impl::ExecuteResident(Flavor& flavor, const Call& call) {
  const std::lock_guard<std::mutex> lock(flavor.resident_mutex);
  const absl::Status status = EnsureResidentLocked(flavor);
  if (!status.ok()) return ErrorOutcome(status);
  flavor.resident->channel().errors.Clear();
  RunOutcome outcome = DriveAndEnd(flavor, *flavor.resident, true, call);
  flavor.resident_entry->finished_run_count.fetch_add(1, std::memory_order_relaxed);
  if (outcome.verdict != Verdict::kPassed) {
    log_.Log(LogLevel::kInfo,
             absl::StrCat("the resident ", flavor.binary.flavor, " host is replaced after runs/",
                          call.run.id, ": ", runs::VerdictName(outcome.verdict)));
    outcome.host.still_alive = false;
    DropResidentLocked(flavor, options_.stop_grace * flavor.factors.time);
  }
  return outcome;
}

RunOutcome Supervisor::Impl::ExecuteFresh(Flavor& flavor, const Call& call) {
  absl::StatusOr<std::unique_ptr<HostProcess>> host = ForkHost(flavor);
  if (!host.ok()) return ErrorOutcome(host.status());
  const std::shared_ptr<LiveHost> entry = Register(flavor, HostKind::kFresh, **host, 0);
  RunOutcome outcome = DriveAndEnd(flavor, **host, false, call);
  live_hosts_.Remove(entry);
  return outcome;
}

RunOutcome Supervisor::Impl::DriveAndEnd(Flavor& flavor, HostProcess& host, bool stays_alive,
                                         const Call& call) {
  const runs::Limits& limits = options_.limits;
  DriveLimits drive_limits;
  drive_limits.time_limit = call.run.spec.time_limit > absl::ZeroDuration()
                                ? call.run.spec.time_limit
                                : limits.time_limit_default;
  drive_limits.cancel_grace = limits.cancel_grace * flavor.factors.time;
  drive_limits.heartbeat_deadline = limits.heartbeat_deadline * flavor.factors.time;
  drive_limits.rss_bytes_max = limits.rss_bytes_max * flavor.factors.memory;
  drive_limits.operation_count_max = limits.operation_count_max;
  DriveReport drive = DriveRun(host, call.run, drive_limits, call.cancel, call.on_progress);
  EndingOptions ending;
  ending.stays_alive = stays_alive;
  ending.exit_timeout = options_.exit_timeout * flavor.factors.time;
  ending.stack_program = options_.stack_program;
  ending.stack_timeout = options_.stack_timeout;
  return EndRun(host, std::move(drive), spawner_, ending);
}

absl::Status Supervisor::Impl::EnsureResidentLocked(Flavor& flavor) {
  if (stopping()) return absl::UnavailableError("the daemon is shutting down");
  if (flavor.resident != nullptr) {
    if (!flavor.resident->AwaitExit(absl::ZeroDuration()).has_value()) return absl::OkStatus();
    log_.Log(LogLevel::kWarning,
             absl::StrCat("the resident ", flavor.binary.flavor, " host ended between runs"));
    DropResidentLocked(flavor, absl::ZeroDuration());
  }
  absl::StatusOr<std::unique_ptr<SpawnedHost>> host = SpawnedHost::Start(
      spawner_, flavor.binary, HostMode::kResident, flavor.build_id, options_.start_timeout);
  if (!host.ok()) return host.status();
  flavor.resident = *std::move(host);
  flavor.resident_entry =
      Register(flavor, HostKind::kResident, *flavor.resident, flavor.resident_start_count++);
  return absl::OkStatus();
}

void Supervisor::Impl::DropResidentLocked(Flavor& flavor, absl::Duration grace) {
  if (flavor.resident == nullptr) return;
  live_hosts_.Remove(flavor.resident_entry);
  flavor.resident_entry.reset();
  flavor.resident->Stop(grace);
  flavor.resident.reset();
}

absl::StatusOr<std::shared_ptr<ForkServer>> Supervisor::Impl::EnsureServer(Flavor& flavor) {
  const std::lock_guard<std::mutex> lock(flavor.server_mutex);
  if (stopping()) return absl::UnavailableError("the daemon is shutting down");
  if (flavor.server != nullptr && flavor.server->alive()) return flavor.server;
  if (flavor.server != nullptr) {
    log_.Log(LogLevel::kWarning,
             absl::StrCat("the ", flavor.binary.flavor, " fork server is gone; starting another"));
  }
  absl::StatusOr<std::shared_ptr<ForkServer>> server =
      ForkServer::Start(spawner_, flavor.binary, flavor.build_id, options_.start_timeout);
  if (!server.ok()) return server.status();
  flavor.server = *server;
  return server;
}

absl::StatusOr<std::unique_ptr<HostProcess>> Supervisor::Impl::ForkHost(Flavor& flavor) {
  // Twice: a server may be found dead only when it is used.
  absl::Status last;
  for (int attempt = 0; attempt < 2; ++attempt) {
    absl::StatusOr<std::shared_ptr<ForkServer>> server = EnsureServer(flavor);
    if (!server.ok()) return server.status();
    absl::StatusOr<std::unique_ptr<HostProcess>> host = (*server)->Fork(options_.start_timeout);
    if (host.ok() || (*server)->alive()) return host;
    last = host.status();
  }
  return last;
}

std::vector<runs::HostSample> Supervisor::Impl::SampleHosts() {
  std::vector<runs::HostSample> samples;
  for (const std::shared_ptr<LiveHost>& host : live_hosts_.All()) {
    samples.push_back(SampleHost(*host));
  }
  const auto rank = [this](const runs::HostSample& sample) {
    size_t index = 0;
    while (index < flavors_.size() && flavors_[index]->binary.flavor != sample.flavor) ++index;
    return std::make_tuple(sample.kind != HostKind::kResident, index, sample.pid);
  };
  std::sort(samples.begin(), samples.end(),
            [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return samples;
}

absl::StatusOr<runs::HostSample> Supervisor::Impl::SampleResident(absl::string_view name) {
  Flavor* flavor = Find(name);
  if (flavor == nullptr) return UnknownFlavor(name);
  std::shared_ptr<LiveHost> entry = live_hosts_.FindResident(name);
  if (entry == nullptr) {
    const std::lock_guard<std::mutex> lock(flavor->resident_mutex);
    const absl::Status status = EnsureResidentLocked(*flavor);
    if (!status.ok()) return status;
    entry = flavor->resident_entry;
  }
  return SampleHost(*entry);
}

absl::StatusOr<runs::HostBalance> Supervisor::Impl::Snapshot(absl::string_view name,
                                                             absl::Duration timeout) {
  Flavor* flavor = Find(name);
  if (flavor == nullptr) return UnknownFlavor(name);
  const std::unique_lock<std::mutex> lock(flavor->resident_mutex, std::try_to_lock);
  if (!lock.owns_lock()) {
    return absl::AbortedError(absl::StrCat("the resident ", name, " host executes a run"));
  }
  absl::Status status = EnsureResidentLocked(*flavor);
  if (!status.ok()) return status;
  absl::StatusOr<runs::HostBalance> balance = AskBalance(*flavor, timeout);
  // An answer that comes late would be taken for that of the next question.
  if (!balance.ok()) DropResidentLocked(*flavor, absl::ZeroDuration());
  return balance;
}

absl::StatusOr<runs::HostBalance> Supervisor::Impl::AskBalance(Flavor& flavor,
                                                               absl::Duration timeout) {
  HostChannel& channel = flavor.resident->channel();
  const int64_t request_id = next_request_id_.fetch_add(1, std::memory_order_relaxed);
  protocol::ToHost question;
  question.mutable_snapshot()->set_request_id(request_id);
  const absl::Status sent =
      protocol::SendToHost(channel.control.get(), question, {}, absl::Seconds(5));
  if (!sent.ok()) return sent;
  absl::StatusOr<protocol::ToDaemon> answer = ReadMessage(channel, timeout);
  if (!answer.ok()) return answer.status();
  if (!answer->has_snapshot() || answer->snapshot().request_id() != request_id) {
    return absl::InternalError("the host answered a snapshot request with something else");
  }
  if (!answer->snapshot().error().empty()) {
    return absl::UnavailableError(answer->snapshot().error());
  }
  runs::HostBalance balance = BalanceOfSnapshot(answer->snapshot());
  balance.flavor = flavor.binary.flavor;
  balance.pid = flavor.resident->pid();
  return balance;
}

void Supervisor::Impl::StopFlavor(Flavor& flavor) {
  {
    const std::lock_guard<std::mutex> lock(flavor.resident_mutex);
    DropResidentLocked(flavor, options_.stop_grace * flavor.factors.time);
  }
  std::shared_ptr<ForkServer> server;
  {
    const std::lock_guard<std::mutex> lock(flavor.server_mutex);
    server = std::move(flavor.server);
  }
  if (server != nullptr) server->Stop(options_.stop_grace * flavor.factors.time);
}

void Supervisor::Impl::Shutdown() {
  stopping_.store(true, std::memory_order_relaxed);
  // Side by side: each may need its grace.
  std::vector<std::thread> stoppers;
  for (const std::unique_ptr<Flavor>& flavor : flavors_) {
    stoppers.emplace_back([this, &flavor] { StopFlavor(*flavor); });
  }
  for (std::thread& each : stoppers) each.join();
}

Supervisor::Supervisor(SupervisorOptions options, runs::LogSink* log)
    : impl_(std::make_unique<Impl>(std::move(options), log)) {}

Supervisor::~Supervisor() { impl_->Shutdown(); }

absl::StatusOr<runs::ScenarioCatalog> Supervisor::Start() { return impl_->Start(); }

RunOutcome Supervisor::Execute(const runs::RunRecord& run, const runs::CancelToken& cancel,
                               const ProgressCallback& on_progress) {
  return impl_->Execute(run, cancel, on_progress);
}

std::vector<runs::HostSample> Supervisor::SampleHosts() { return impl_->SampleHosts(); }

absl::StatusOr<runs::HostSample> Supervisor::SampleResident(absl::string_view flavor) {
  return impl_->SampleResident(flavor);
}

absl::StatusOr<runs::HostBalance> Supervisor::Snapshot(absl::string_view flavor,
                                                       absl::Duration timeout) {
  return impl_->Snapshot(flavor, timeout);
}

void Supervisor::Shutdown() { impl_->Shutdown(); }

}  // namespace stressd::supervisor
