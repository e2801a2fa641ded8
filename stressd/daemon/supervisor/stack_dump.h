// The stacks of all threads of a hung process, by elfutils' eu-stack.
//
// Model.  A helper process attaches to the hung one; it works for every flavor
// and needs nothing of it. It gets a bounded time; the kernel's table of
// threads comes along, and alone where eu-stack is missing or fails.
// Thread safety.  Any thread. Blocks up to `timeout`.
#ifndef STRESSD_DAEMON_SUPERVISOR_STACK_DUMP_H_
#define STRESSD_DAEMON_SUPERVISOR_STACK_DUMP_H_

#include <sys/types.h>

#include <string>

#include "absl/time/time.h"
#include "stressd/daemon/supervisor/process_spawner.h"

namespace stressd::supervisor {

std::string DumpStacks(ProcessSpawner& spawner, const std::string& program, pid_t pid,
                       absl::Duration timeout);

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_STACK_DUMP_H_
