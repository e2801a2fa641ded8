// One thread of the program as the engine sees it.
//
// All zero until Engine::ResetThread(), so that the engine costs no file space.
// Thread safety.  The engine's OS thread only.
#ifndef STRESSD_EXPLORE_THREAD_H_
#define STRESSD_EXPLORE_THREAD_H_

#include <pthread.h>
#include <stdint.h>

#include "stressd/explore/call_stack.h"
#include "stressd/explore/context.h"
#include "stressd/explore/operation.h"
#include "stressd/explore/store_buffer.h"
#include "stressd/explore/sync_object.h"
#include "stressd/explore/vector_clock.h"

namespace explore {

// When a thread that waits may go on.
enum class WaitKind : uint8_t {
  kNone,       // Now.
  kMutex,      // Nobody owns `object`.
  kReadLock,   // Nobody writes.
  kWriteLock,  // Nobody writes or reads.
  kSemaphore,  // The count is positive.
  kWoken,      // Somebody set `woken`.
  kOnce,       // Nobody runs the function.
  kJoin,       // `target` has ended.
  kAllEnded,   // Every other thread has.
};

inline constexpr int64_t kNoDeadline = -1;

// Recognizes a thread that reads the same things over and over.
struct SpinDetector {
  // 16 places: a spin loop that reads more than that per turn meets the
  // engine's limit on uninterrupted steps instead.
  static constexpr uint32_t kPlaces = 16;
  // 8 known reads in a row: twice round a loop of four reads.
  static constexpr uint32_t kKnownReads = 8;

  uint64_t seen[kPlaces] = {};
  uint32_t next = 0;
  uint32_t known = 0;

  // Takes note of a read; returns whether the thread appears to spin.
  bool Read(uint64_t hash) {
    for (uint32_t i = 0; i < kPlaces; ++i) {
      if (seen[i] == hash) return ++known >= kKnownReads;
    }
    seen[next++ % kPlaces] = hash;
    known = 0;
    return false;
  }
  void Wrote() { known = 0; }
};

struct ThreadLocalDestructor {
  void (*function)(void*);
  void* object;
  ThreadLocalDestructor* next;
};

inline constexpr uint32_t kMaxKeys = 128;

struct Thread {
  uint16_t id = 0;
  uint16_t next_waiter = 0;  // In a SyncObject's queue.
  bool started = false;
  bool ended = false;
  bool detached = false;
  bool joined = false;
  bool woken = false;
  bool timed_out = false;
  bool spinning = false;  // The next announcement is a yield.
  WaitKind wait = WaitKind::kNone;
  SyncObject* object = nullptr;  // What it waits for.
  Thread* target = nullptr;      // Whom it joins.
  int64_t deadline_ns = 0;       // Of virtual time.
  CallStack calls;               // Where it is now.
  uint32_t creation_stack = 0;
  uintptr_t creation_pc = 0;
  uint16_t creator = 0;
  uint32_t uninterrupted = 0;  // Decisions since another thread last ran.
  VectorClock clock;
  VectorClock release_fence;  // clock at the last release fence.
  VectorClock acquirable;     // What an acquire fence would learn.
  StoreBuffer* buffer = nullptr;
  SpinDetector spin;
  Context* context = nullptr;
  pthread_t handle = 0;
  void* (*function)(void*) = nullptr;
  void* argument = nullptr;
  void* result = nullptr;
  void* keys[kMaxKeys] = {};
  ThreadLocalDestructor* destructors = nullptr;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_THREAD_H_
