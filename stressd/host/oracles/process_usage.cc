#include "stressd/host/oracles/process_usage.h"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

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

}  // namespace

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  VisitNumberedEntries("/proc/self/fd", [&usage](const char* name, int folder) {
    const int descriptor = std::atoi(name);
    if (descriptor == folder) return;  // Open only while we look.
    char target[256];
    const ssize_t length =
        readlinkat(folder, name, target, sizeof(target) - 1);
    usage.file_descriptors[descriptor] =
        length < 0 ? "" : std::string(target, static_cast<size_t>(length));
  });
  VisitNumberedEntries("/proc/self/task", [&usage](const char*, int) {
    ++usage.thread_count;
  });
  siginfo_t info{};
  // WNOWAIT: only looks, so that whoever waits for a child still gets it.
  usage.has_children =
      waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  return usage;
}

}  // namespace stressd::host
