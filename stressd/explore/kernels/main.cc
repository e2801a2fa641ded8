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
    {"canary-dead-block", &CanaryDeadBlock, "an object is read that has died"},
    {"canary-lost-update", &CanaryLostUpdate, "two threads add, and one update may be lost"},
    {"clear-stopper", &ClearStopper, "a thread state is cleared that waits for its turn to stop"},
    {"collect-twice", &CollectTwice, "two threads want to collect"},
    {"count-id-reuse", &CountIdReuse, "an id of per-thread counts goes from one type to the next"},
    {"create-collect", &CreateCollect, "a thread state is made while another one collects"},
    {"decref-merge", &DecrefMerge, "the owner's last drop and a foreign one"},
    {"destroy-lease", &DestroyLease, "a lease is taken while the interpreter is destroyed"},
    {"destroy-post", &DestroyPost, "a call is posted to an interpreter that is destroyed"},
    {"destroy-stopper", &DestroyStopper,
     "a thread that stops the world meets the interpreter's end"},
    {"exit-stop", &ExitStop, "a thread state ends while another thread stops the world"},
    {"exit-walk", &ExitWalk, "a thread state ends while another thread walks the list"},
    {"finalize-create", &FinalizeCreate,
     "a thread state is made while its interpreter is finalized"},
    {"foreign-free", &ForeignFree, "a block dies in a foreign thread while its owner allocates"},
    {"freelist-probe", &FreelistProbe, "a reader tries a number that dies and is made again"},
    {"frees-left-behind", &FreesLeftBehind, "delayed frees of an exited thread, under a reader"},
    {"heap-adopt", &HeapAdopt, "a bundle of heaps changes hands while a block of it is freed"},
    {"list-resize", &ListResize, "a reader of a list while its array is replaced"},
    {"lock-hand-over", &LockHandOver, "four threads and the one-byte mutex"},
    {"merged-reuse", &MergedReuse, "a merged object dies elsewhere and its block is used again"},
    {"owner-exit", &OwnerExit, "an object is queued for an owner whose life ends"},
    {"page-hold", &PageHold, "an empty page is wanted for something else, under a reader"},
    {"post-run", &PostRun, "a pending call is posted while a thread looks for one"},
    {"queue-collect", &QueueCollect, "a collection finds what was queued for a stopped owner"},
    {"queue-destroy", &QueueDestroy, "a datum in a queue whose interpreter is destroyed"},
    {"queued-immortal", &QueuedImmortal,
     "an object becomes immortal while another thread drops it"},
    {"queued-merge", &QueuedMerge, "a foreign drop goes through the owner's queue"},
    {"seal-again", &SealAgain, "delayed frees behind others of their chunk, under a reader"},
    {"stop-attach", &StopAttach, "a stop of the world while a thread attaches"},
    {"stop-queue", &StopQueue, "three threads stop the world, each in its turn"},
    {"stop-reader", &StopReader, "who comes out of a stop is a reader as before"},
    {"weak-get", &WeakGet, "a weak reference is read while its referent dies"},
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
