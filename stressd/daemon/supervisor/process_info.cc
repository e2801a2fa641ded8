#include "stressd/daemon/supervisor/process_info.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "stressd/protocol/file_descriptor.h"

namespace stressd::supervisor {
namespace {

// The beginning of a small file; empty if it cannot be read.
std::string ReadSmallFile(const std::string& path) {
  const protocol::FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return "";
  std::array<char, 1024> buffer;
  const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
  return n > 0 ? std::string(buffer.data(), static_cast<size_t>(n)) : "";
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

}  // namespace

int64_t ResidentBytes(pid_t pid) {
  const std::string statm = ReadSmallFile(absl::StrCat("/proc/", pid, "/statm"));
  long long total = 0;
  long long resident = 0;
  if (sscanf(statm.c_str(), "%lld %lld", &total, &resident) != 2) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

std::string ThreadTable(pid_t pid) {
  // A thousand threads tell the story; more would only fill the store.
  constexpr int kThreadCountMax = 1000;
  const std::string tasks = absl::StrCat("/proc/", pid, "/task");
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir(tasks.c_str()));
  if (directory == nullptr) return "";
  std::string table = absl::StrCat("Threads of process ", pid, " (id name state wait):\n");
  int count = 0;
  while (const dirent* entry = readdir(directory.get())) {
    if (entry->d_name[0] == '.' || ++count > kThreadCountMax) continue;
    const std::string task = absl::StrCat(tasks, "/", entry->d_name);
    const std::string stat = ReadSmallFile(task + "/stat");
    // "ID (NAME) STATE ...": the name may hold anything, so from its end.
    const size_t end = stat.rfind(')');
    const char state = end != std::string::npos && end + 2 < stat.size() ? stat[end + 2] : '?';
    const std::string name = ReadSmallFile(task + "/comm");
    const std::string wait = ReadSmallFile(task + "/wchan");
    absl::StrAppend(&table, "  ", entry->d_name, " ", absl::StripAsciiWhitespace(name), " ",
                    absl::string_view(&state, 1), " ", wait.empty() ? "-" : wait, "\n");
  }
  return table;
}

}  // namespace stressd::supervisor
