// stressd: the daemon. `stressd --help` lists its flags.
#include <optional>

#include "stressd/daemon/service/daemon.h"
#include "stressd/daemon/service/daemon_options.h"

int main(int argc, char** argv) {
  std::optional<int> exit_code;
  const stressd::service::DaemonOptions options =
      stressd::service::ParseDaemonOptions(argc, argv, exit_code);
  return exit_code.has_value() ? *exit_code : stressd::service::RunDaemon(options);
}
