// The host without a daemon: runs a scenario from the shell, for gdb and perf.
#ifndef STRESSD_HOST_STANDALONE_H_
#define STRESSD_HOST_STANDALONE_H_

#include "stressd/host/flags.h"

namespace stressd::host {

// Runs what `flags` name and prints each result. Returns the exit code that
// stressctl gives to such a run; of several the first of 1, 3, 7, 0.
[[nodiscard]] int RunStandalone(const Flags& flags);

}  // namespace stressd::host

#endif  // STRESSD_HOST_STANDALONE_H_
