// The host's command line.
#ifndef STRESSD_HOST_FLAGS_H_
#define STRESSD_HOST_FLAGS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace stressd::host {

enum class HostMode {
  kStandalone,  // From the shell: one scenario, the result on stdout.
  kResident,    // By the daemon: many runs in one process.
  kForkServer,  // By the daemon: each run in a forked child.
};

struct Flags {
  HostMode mode = HostMode::kStandalone;
  // By the daemon only.
  int control_fd = -1;
  int black_box_fd = -1;
  int parent_pid = 0;
  // Standalone only.
  bool list = false;
  bool version = false;
  std::string scenario;
  std::string preset;
  std::map<std::string, std::string> parameters;
  uint64_t seed = 1;
  // Seeds seed, seed + 1, ...
  int64_t repeat_count = 1;
  absl::Duration duration;  // 0: the declared amount of work.
  std::string plan;         // How runs are perturbed; empty: not.
  bool points = false;      // Prints the schedule points that each run reached.
};

// Parses the command line. Returns nothing when the process is to exit with
// `exit_code`: after --help, or after a message on stderr about what is wrong.
std::optional<Flags> ParseFlags(int argc, char** argv, int* exit_code);

}  // namespace stressd::host

#endif  // STRESSD_HOST_FLAGS_H_
