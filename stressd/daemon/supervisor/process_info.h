// What /proc tells about a process.
//
// Thread safety.  Any thread.
#ifndef STRESSD_DAEMON_SUPERVISOR_PROCESS_INFO_H_
#define STRESSD_DAEMON_SUPERVISOR_PROCESS_INFO_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace stressd::supervisor {

// Resident memory in bytes; 0 if the process is gone.
int64_t ResidentBytes(pid_t pid);

// One line per thread: id, name, state, where in the kernel it waits. For when
// there is no better picture of a hung process.
std::string ThreadTable(pid_t pid);

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_PROCESS_INFO_H_
