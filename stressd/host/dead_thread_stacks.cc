#include "stressd/host/dead_thread_stacks.h"

#include <unistd.h>

#include <cstdlib>

#include "runtime/base/sanitizer.h"

namespace stressd::host {
namespace {

constexpr char kVariable[] = "GLIBC_TUNABLES";
constexpr std::string_view kStackCacheSize = "glibc.pthread.stack_cache_size";
// 1 TiB: more than the stacks of all threads that a host may start.
constexpr std::string_view kBytes = "1099511627776";

}  // namespace

std::optional<std::string> TunablesWithStackCache(std::string_view current) {
  if (current.find(kStackCacheSize) != std::string_view::npos) return std::nullopt;
  std::string tunables(current);
  if (!tunables.empty()) tunables += ':';
  tunables += kStackCacheSize;
  tunables += '=';
  tunables += kBytes;
  return tunables;
}

void KeepDeadThreadStacks(char** argv) {
  if (RT_TSAN == 0) return;
  const char* const current = std::getenv(kVariable);
  const auto tunables = TunablesWithStackCache(current == nullptr ? "" : current);
  if (!tunables.has_value()) return;
  if (setenv(kVariable, tunables->c_str(), /*overwrite=*/1) != 0) return;
  // Its own path, not the link's: the process is named by it.
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  if (length <= 0) return;
  path[length] = '\0';
  execv(path, argv);  // Returns only when it fails.
}

}  // namespace stressd::host
