#include "stressd/daemon/supervisor/process_spawner.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "stressd/protocol/file_descriptor.h"

namespace stressd::supervisor {
namespace {

using protocol::FileDescriptor;

// Above the targets 0..9, so that no dup2() overwrites a later source.
constexpr int kFirstSourceFd = 10;

struct Actions {
  Actions() { posix_spawn_file_actions_init(&value); }
  ~Actions() { posix_spawn_file_actions_destroy(&value); }
  posix_spawn_file_actions_t value;
};

struct Attributes {
  Attributes() { posix_spawnattr_init(&value); }
  ~Attributes() { posix_spawnattr_destroy(&value); }
  posix_spawnattr_t value;
};

// Default signals, none blocked, a process group of its own (S2).
void SetAttributes(posix_spawnattr_t& attributes) {
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

// Returns an errno, 0 if the child was started.
int SpawnNow(const SpawnRequest& request, pid_t& pid) {
  std::vector<FileDescriptor> sources;
  std::vector<int> wanted = {request.output_fd, request.output_fd};
  wanted.insert(wanted.end(), request.fds.begin(), request.fds.end());
  Actions actions;
  posix_spawn_file_actions_addopen(&actions.value, 0, "/dev/null", O_RDONLY, 0);
  int target = 1;
  for (const int fd : wanted) {
    sources.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, kFirstSourceFd));
    if (!sources.back().valid()) return errno;
    posix_spawn_file_actions_adddup2(&actions.value, sources.back().get(), target++);
  }
  posix_spawn_file_actions_addclosefrom_np(&actions.value, target);  // S1
  Attributes attributes;
  SetAttributes(attributes.value);
  std::vector<char*> arguments;
  for (const std::string& each : request.arguments) {
    arguments.push_back(const_cast<char*>(each.c_str()));
  }
  arguments.push_back(nullptr);
  return posix_spawn(&pid, arguments[0], &actions.value, &attributes.value, arguments.data(),
                     environ);
}

}  // namespace

ProcessSpawner::ProcessSpawner() : thread_([this] { Loop(); }) {}

ProcessSpawner::~ProcessSpawner() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

absl::StatusOr<ChildProcess> ProcessSpawner::Spawn(const SpawnRequest& request) {
  Order order;
  order.request = &request;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    orders_.push_back(&order);
    changed_.notify_all();
    changed_.wait(lock, [&] { return order.done; });
  }
  if (order.error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot start ", request.arguments.front(), ": ", strerror(order.error)));
  }
  return ChildProcess::Adopt(order.pid);
}

void ProcessSpawner::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !orders_.empty(); });
    if (orders_.empty()) return;
    Order* order = orders_.front();
    orders_.pop_front();
    lock.unlock();
    pid_t pid = 0;
    const int error = SpawnNow(*order->request, pid);
    lock.lock();
    order->error = error;
    order->pid = pid;
    order->done = true;
    changed_.notify_all();
  }
}

}  // namespace stressd::supervisor
