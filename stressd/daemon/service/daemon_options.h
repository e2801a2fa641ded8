// The flags of stressd.
//
// Model.  Flag, then environment (STRESSD_STATE_DIR, STRESSD_LISTEN), then
// default. What is wrong with a flag is said on stderr and ends with exit code 2.
#ifndef STRESSD_DAEMON_SERVICE_DAEMON_OPTIONS_H_
#define STRESSD_DAEMON_SERVICE_DAEMON_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "stressd/daemon/runs/limits.h"
#include "stressd/daemon/service/listen_address.h"
#include "stressd/daemon/store/retention.h"

namespace stressd::service {

inline constexpr char kVersion[] = "0.1.0";

struct DaemonOptions {
  std::string state_dir;
  std::vector<ListenAddress> listen;  // Empty: DefaultSocketPath().
  std::string host_dir;               // Empty: beside the program.
  std::vector<std::string> soak_files;
  std::string log_level = "info";
  runs::Limits limits;
  store::RetentionPolicy retention;
};

// Parses the command line. If there is nothing to run (--help, --version, an
// error), `exit_code` is set and the options are not complete.
DaemonOptions ParseDaemonOptions(int argc, char** argv, std::optional<int>& exit_code);

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_DAEMON_OPTIONS_H_
