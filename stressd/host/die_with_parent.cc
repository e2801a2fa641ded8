#include "stressd/host/die_with_parent.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace stressd::host {

bool DieWithParent(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
  // After the request: a parent that died in between is seen here.
  return ::getppid() == parent;
}

}  // namespace stressd::host
