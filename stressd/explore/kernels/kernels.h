// The kernels: one function each, listed in main.cc under its name.

#ifndef STRESSD_EXPLORE_KERNELS_KERNELS_H_
#define STRESSD_EXPLORE_KERNELS_KERNELS_H_

namespace stressd::kernels {

// counts.cc: biased reference counting.
void DecrefMerge();
void QueuedMerge();
void OwnerExit();
void BlockedOwner();
void CountIdReuse();

// readers.cc: lock-free readers and what they read.
void AttachPoll();
void FreelistProbe();
void ListResize();
void FreesLeftBehind();

// threads.cc: locks, stops, lives of thread states.
void LockHandOver();
void StopAttach();
void HeapAdopt();
void CreateCollect();

// exchanges.cc: between interpreters.
void QueueDestroy();

}  // namespace stressd::kernels

#endif  // STRESSD_EXPLORE_KERNELS_KERNELS_H_
