#include "stressd/daemon/supervisor/supervisor_test_helper.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace stressd::supervisor {
namespace {

std::string FakeHostPath() {
  const char* root = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  return absl::StrCat(root == nullptr ? "" : root, "/", workspace == nullptr ? "" : workspace,
                      "/stressd/daemon/supervisor/fake_host");
}

}  // namespace

SupervisorOptions FakeHostOptions() {
  SupervisorOptions options;
  options.hosts = {{"plain", FakeHostPath(), {"--flavor=plain"}},
                   {"tsan", FakeHostPath(), {"--flavor=tsan"}}};
  // No test waits that long unless something is broken.
  options.limits.heartbeat_deadline = absl::Seconds(60);
  options.limits.cancel_grace = absl::Seconds(60);
  options.limits.rss_bytes_max = int64_t{48} << 20;
  options.exit_timeout = absl::Seconds(60);
  options.stop_grace = absl::Seconds(2);
  return options;
}

SupervisorOptions ImpatientOptions() {
  SupervisorOptions options = FakeHostOptions();
  options.limits.heartbeat_deadline = absl::Seconds(1);
  options.limits.cancel_grace = absl::Milliseconds(600);
  options.exit_timeout = absl::Milliseconds(600);
  return options;
}

runs::RunRecord FakeRun(const std::string& name, runs::HostKind kind) {
  static std::atomic<int64_t> next_id{1};
  runs::RunRecord run;
  run.id = next_id.fetch_add(1, std::memory_order_relaxed);
  run.spec.scenario = name;
  run.spec.flavor = "plain";
  run.spec.host_kind = kind;
  run.spec.seed = 7;
  run.spec.time_limit = absl::Seconds(30);
  run.create_time = absl::Now();
  return run;
}

runs::RunOutcome ExecuteFake(Supervisor& supervisor, const runs::RunRecord& run) {
  const runs::CancelToken cancel;
  return supervisor.Execute(run, cancel, [](const runs::RunProgress&) {});
}

runs::RunOutcome ExecuteAndKill(Supervisor& supervisor, const runs::RunRecord& run) {
  const runs::CancelToken cancel;
  ProgressGate gate;
  runs::RunOutcome outcome;
  std::atomic<bool> ended = false;
  std::thread thread([&] {
    outcome = supervisor.Execute(run, cancel, gate.callback());
    ended = true;
    gate.Open();
  });
  gate.AwaitRunPhase();
  // A sample taken while the host writes its run section does not name the run.
  for (bool killed = false; !killed && !ended;) {
    for (const runs::HostSample& host : supervisor.SampleHosts()) {
      if (host.kind != run.spec.host_kind || host.run_id != run.id) continue;
      kill(static_cast<pid_t>(host.pid), SIGKILL);
      killed = true;
    }
  }
  thread.join();
  return outcome;
}

runs::Executor::ProgressCallback ProgressGate::callback() {
  return [this](const runs::RunProgress& progress) {
    if (progress.phase == "run") Open();
  };
}

void ProgressGate::Open() {
  const std::lock_guard<std::mutex> lock(mutex_);
  in_run_phase_ = true;
  changed_.notify_all();
}

void ProgressGate::AwaitRunPhase() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return in_run_phase_; });
}

Footprint Footprint::Take() {
  Footprint footprint;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++footprint.fd_count;
  }
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (absl::StrContains(line, "memfd:stressd") || absl::StrContains(line, "black")) {
      ++footprint.shared_mapping_count;
    }
  }
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (int pid = 0; children >> pid;) footprint.children.push_back(pid);
  }
  return footprint;
}

}  // namespace stressd::supervisor
