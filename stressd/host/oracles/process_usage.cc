#include "stressd/host/oracles/process_usage.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "runtime/base/atomic.h"
#include "runtime/base/futex.h"
#include "runtime/base/sanitizer.h"

namespace stressd::host {
namespace {

// Calls `visit` with the name of every numbered entry of `path` and the
// descriptor through which the folder is read.
template <typename Visitor>
void VisitNumberedEntries(const char* path, Visitor visit) {
  DIR* const folder = opendir(path);
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    visit(entry->d_name, dirfd(folder));
  }
  closedir(folder);
}

// 1000 looks, 1 ms apart: a second.
constexpr int kMaxLooks = 1000;
constexpr int64_t kLookPauseNs = 1'000'000;

void* StoreThreadId(void* out) {
  *static_cast<pid_t*>(out) = static_cast<pid_t>(syscall(SYS_gettid));
  return nullptr;
}

}  // namespace

void StartSanitizerThread() {
  if (!rt::kThreadSanitizer) return;
  pthread_t thread;
  pid_t id = 0;
  // Without a thread there is nothing to count either.
  if (pthread_create(&thread, nullptr, &StoreThreadId, &id) != 0) return;
  (void)pthread_join(thread, nullptr);
  // A joined thread stays in /proc for a moment.
  const std::string path = "/proc/self/task/" + std::to_string(id);
  const rt::Atomic<uint32_t> never_woken{0};
  for (int i = 0; i < kMaxLooks && access(path.c_str(), F_OK) == 0; ++i) {
    rt::FutexWait(never_woken, 0, kLookPauseNs);
  }
}

int64_t ResidentBytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  int64_t pages = 0;
  if (std::fscanf(file, "%*d %" SCNd64, &pages) != 1) pages = 0;
  std::fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  VisitNumberedEntries("/proc/self/fd", [&usage](const char* name, int folder) {
    const int descriptor = std::atoi(name);
    if (descriptor == folder) return;  // Open only while we look.
    char target[256];
    const ssize_t length = readlinkat(folder, name, target, sizeof(target) - 1);
    usage.file_descriptors[descriptor] =
        length < 0 ? "" : std::string(target, static_cast<size_t>(length));
  });
  VisitNumberedEntries("/proc/self/task", [&usage](const char*, int) { ++usage.thread_count; });
  siginfo_t info{};
  // WNOWAIT: only looks, so that whoever waits for a child still gets it.
  usage.has_children = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  return usage;
}

}  // namespace stressd::host
