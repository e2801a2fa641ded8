// A process that does not outlive the one that started it.
#ifndef STRESSD_HOST_DIE_WITH_PARENT_H_
#define STRESSD_HOST_DIE_WITH_PARENT_H_

#include <sys/types.h>

namespace stressd::host {

// Asks the kernel to kill the calling process when the thread that started it
// ends. `parent` is the pid of the starter as it was before the start: returns
// false when that process is no longer the parent, so it died before we asked.
// Not inherited by forked children; they call it themselves.
[[nodiscard]] bool DieWithParent(pid_t parent);

}  // namespace stressd::host

#endif  // STRESSD_HOST_DIE_WITH_PARENT_H_
