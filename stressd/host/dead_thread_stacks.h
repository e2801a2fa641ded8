// Keeps the stacks of ended threads mapped, under ThreadSanitizer.
//   ThreadSanitizer's record of a thread lies in the thread's static TLS block,
//   that is, in its stack's mapping, and the 256 slots that threads share point
//   to the record of their last user. A thread that vanished in fork(2) leaves
//   its slot so. In the child the C library counts the stacks of vanished
//   threads as its cache and unmaps them once the cache holds more than 40 MiB.
//   The next thread of the child whose turn it is to take such a slot dies:
//   "CHECK failed ... thr->slot". Only a host that started 256 threads before
//   gets there, so it was seen in resident hosts alone: in 4 of 320 runs of
//   fork-storm, with the cache unbounded in 0 of 640.
//
// Invariants
//   (D1) Under ThreadSanitizer no mapping of a thread's stack goes away while
//        the host lives: the C library's cache has no bound. Their number is
//        that of the threads that ever lived at one time.
//
// Thread safety: before the first thread. Lock order: none. Fork: inherited.
#ifndef STRESSD_HOST_DEAD_THREAD_STACKS_H_
#define STRESSD_HOST_DEAD_THREAD_STACKS_H_

#include <optional>
#include <string>
#include <string_view>

namespace stressd::host {

// GLIBC_TUNABLES `current` with an unbounded cache of stacks added; nothing when
// it already says how large the cache is.
std::optional<std::string> TunablesWithStackCache(std::string_view current);

// The C library reads its tunables when a program starts: so starts this program
// again, with the same arguments, unless it has been done or is not needed.
// Where that fails, goes on without.
void KeepDeadThreadStacks(char** argv);

}  // namespace stressd::host

#endif  // STRESSD_HOST_DEAD_THREAD_STACKS_H_
