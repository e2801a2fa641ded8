#include "stressd/daemon/service/host_binaries.h"

#include <limits.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace stressd::service {
namespace {

// In the order in which they are shown.
constexpr std::array kFlavors = {"plain", "asan", "tsan", "bench", "explore"};

}  // namespace

std::vector<std::string> HostFolders(const std::string& program) {
  std::vector<std::string> folders;
  const size_t slash = program.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : program.substr(0, slash);
  folders.push_back(folder);
  folders.push_back(folder + "/host");
  folders.push_back(folder + "/../libexec/stressd");
  folders.push_back(program + ".runfiles/stressd/stressd/host");
  if (const char* runfiles = std::getenv("RUNFILES_DIR")) {
    folders.push_back(absl::StrCat(runfiles, "/stressd/stressd/host"));
  }
  return folders;
}

absl::StatusOr<std::vector<FoundHost>> FindHosts(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    std::vector<FoundHost> hosts;
    for (const char* flavor : kFlavors) {
      std::string path = absl::StrCat(folder, "/stress_host_", flavor);
      if (access(path.c_str(), X_OK) == 0) hosts.push_back({flavor, std::move(path)});
    }
    if (!hosts.empty()) return hosts;
  }
  return absl::NotFoundError(absl::StrCat("host_dir: \"", absl::StrJoin(folders, ", "),
                                          "\" has no host; allowed: a folder with an executable "
                                          "stress_host_plain"));
}

std::string OwnPath() {
  std::array<char, PATH_MAX> path = {};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<size_t>(size)) : std::string();
}

}  // namespace stressd::service
