// Where the runtime hosts lie.
#ifndef STRESSD_DAEMON_SERVICE_HOST_BINARIES_H_
#define STRESSD_DAEMON_SERVICE_HOST_BINARIES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace stressd::service {

struct FoundHost {
  std::string flavor;
  std::string path;
};

// The folders that are searched for hosts beside `program`: an installation's,
// a build tree's and Bazel's runfiles.
std::vector<std::string> HostFolders(const std::string& program);

// `stress_host_FLAVOR` of each known flavor, from the first folder that has
// any. NotFoundError, naming `host_dir` and the folders, if none has.
absl::StatusOr<std::vector<FoundHost>> FindHosts(const std::vector<std::string>& folders);

// The path of the running program; empty if it is not known.
std::string OwnPath();

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_HOST_BINARIES_H_
