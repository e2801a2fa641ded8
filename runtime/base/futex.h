// Sleeping and waking: the only place where the runtime core waits.
//
// Model.  A thread sleeps on a 32-bit word while the word has the value it
// expects. Every wait in the runtime (locks, events, stop-the-world, start of a
// thread) ends here, and every spin loop passes SpinBriefly(), so that an
// engine that controls threads sees them all.
// Invariants.  I1: a wake-up may be spurious, so callers loop on the word. This
// is also what makes it right to call FutexWake() on a word whose owner may
// already be gone: the kernel compares addresses and does not touch the
// memory, and a sleeper that happens to use the same address checks and sleeps
// again. I2: the kernel refuses no wait but for the two reasons
// FutexResult names and an interruption.
// Thread safety.  Any thread. Orders nothing by itself: the word's own
// operations do.
// Fork.  Sleepers do not exist in the child; there is no state here to repair.
#ifndef RUNTIME_BASE_FUTEX_H_
#define RUNTIME_BASE_FUTEX_H_

#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/base/schedule_point.h"

namespace rt {

inline constexpr int64_t kNoTimeout = -1;

enum class FutexResult : uint8_t {
  kWoken,     // Woken, spuriously woken, interrupted, or the value differed.
  kTimedOut,  // `timeout_ns` passed.
};

// Sleeps while `word` is `expected`, for at most `timeout_ns` nanoseconds, or
// without limit when it is negative. Zero only looks. Not a cancellation point.
FutexResult FutexWait(const Atomic<uint32_t>& word, uint32_t expected, int64_t timeout_ns,
                      SchedulePointSite site = SchedulePointSite::Here());

// Wakes up to `count` threads that sleep on `word`; a negative count wakes all.
// Does not access `*word`.
void FutexWake(const Atomic<uint32_t>* word, int count,
               SchedulePointSite site = SchedulePointSite::Here());

// One processor hint that this is a spin loop.
inline void CpuRelax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("isb" ::: "memory");
#endif
}

// Turn number `turn` (from 0) of a bounded spin loop: relaxes the processor in
// the first turns and yields it in later ones.
void SpinBriefly(int turn, SchedulePointSite site = SchedulePointSite::Here());

}  // namespace rt

#endif  // RUNTIME_BASE_FUTEX_H_
