// explore_kernels NAME: one kernel, once. Without a name it lists them.

#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {
namespace {

struct Kernel {
  const char* name;
  void (*run)();
  const char* what;
};

constexpr Kernel kKernels[] = {
    {"attach-poll", &AttachPoll, "QSBR: a reader attaches while a writer polls and frees"},
    {"blocked-owner", &BlockedOwner, "who drops merges for an owner that comes back"},
    {"count-id-reuse", &CountIdReuse, "an id of per-thread counts goes from one type to the next"},
    {"create-collect", &CreateCollect, "a thread state is made while another one collects"},
    {"decref-merge", &DecrefMerge, "the owner's last drop and a foreign one"},
    {"freelist-probe", &FreelistProbe, "a reader tries a number that dies and is made again"},
    {"frees-left-behind", &FreesLeftBehind, "delayed frees of an exited thread, under a reader"},
    {"heap-adopt", &HeapAdopt, "a bundle of heaps changes hands while a block of it is freed"},
    {"list-resize", &ListResize, "a reader of a list while its array is replaced"},
    {"lock-hand-over", &LockHandOver, "three threads and the one-byte mutex"},
    {"owner-exit", &OwnerExit, "an object is queued for an owner whose life ends"},
    {"queue-destroy", &QueueDestroy, "a datum in a queue whose interpreter is destroyed"},
    {"queued-merge", &QueuedMerge, "a foreign drop goes through the owner's queue"},
    {"stop-attach", &StopAttach, "a stop of the world while a thread attaches"},
};

}  // namespace
}  // namespace stressd::kernels

int main(int argc, char** argv) {
  using stressd::kernels::kKernels;
  if (argc == 2) {
    for (const auto& kernel : kKernels) {
      if (strcmp(kernel.name, argv[1]) != 0) continue;
      stressd::kernels::Stage::LeaveRuntimesStanding();
      kernel.run();
      // Nor do destructors of static objects tell anything.
      _exit(0);
    }
    fprintf(stderr, "explore_kernels: no kernel is called '%s'\n", argv[1]);
  }
  for (const auto& kernel : kKernels) printf("%-18s %s\n", kernel.name, kernel.what);
  return argc == 1 ? 0 : 2;
}
