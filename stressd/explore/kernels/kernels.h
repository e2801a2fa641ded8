// The kernels: one function each, listed in main.cc under its name.

#ifndef STRESSD_EXPLORE_KERNELS_KERNELS_H_
#define STRESSD_EXPLORE_KERNELS_KERNELS_H_

namespace stressd::kernels {

// counts.cc: biased reference counting.
void DecrefMerge();
void QueuedMerge();
void MergedReuse();
void QueuedImmortal();
void OwnerExit();
void BlockedOwner();
void CountIdReuse();

// readers.cc: lock-free readers and what they read.
void AttachPoll();
void FreelistProbe();
void ListResize();
void SealAgain();
void FreesLeftBehind();

// memory.cc: heaps, weak references, collections.
void HeapAdopt();
void ForeignFree();
void PageHold();
void WeakGet();
void CreateCollect();
void CollectTwice();
void QueueCollect();

// threads.cc: locks, stops, lives of thread states.
void LockHandOver();
void StopAttach();
void StopQueue();
void StopReader();
void ExitStop();
void ExitWalk();
void ClearStopper();

// ends.cc: the end of an interpreter, and calls from outside.
void FinalizeCreate();
void DestroyStopper();
void DestroyLease();
void DestroyPost();
void PostRun();

// canary.cc: must fail. What is called canary-... is a canary.
void CanaryLostUpdate();
void CanaryDeadBlock();

// exchanges.cc: between interpreters.
void QueueDestroy();

}  // namespace stressd::kernels

#endif  // STRESSD_EXPLORE_KERNELS_KERNELS_H_
