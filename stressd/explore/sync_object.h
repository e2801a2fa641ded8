// The engine's model of one synchronization object: mutex, rwlock, condition,
// barrier, semaphore, once, futex word, or an atomic variable's release clock.
//
// Model.  The program's own object keeps only its static settings (a mutex's
// kind); what it is worth now stands here, found by its address. Waiters queue
// in order of arrival; `clock` is what a thread that synchronizes with the
// object learns.
// Thread safety.  The engine's OS thread only.
#ifndef STRESSD_EXPLORE_SYNC_OBJECT_H_
#define STRESSD_EXPLORE_SYNC_OBJECT_H_

#include <stdint.h>

#include "stressd/explore/vector_clock.h"

namespace explore {

inline constexpr uint16_t kNoThread = 0xffff;

enum class SyncState : uint32_t { kNew, kRunning, kDone };

struct SyncObject {
  uintptr_t address;
  SyncObject* next_in_cell;  // Another object in the same eight bytes.
  uint16_t owner;            // Of a mutex or of a rwlock held for writing.
  uint16_t first_waiter;     // Chained by Thread::next_waiter.
  uint16_t last_waiter;
  uint16_t reserved;
  uint32_t depth;       // Of a recursive lock.
  uint32_t readers;     // Of a rwlock.
  int64_t count;        // A semaphore's value; a barrier's arrivals.
  uint64_t generation;  // A barrier's.
  SyncState state;      // Of a once.
  bool known;           // Its settings were taken over from the program's object.
  VectorClock clock;
  VectorClock reader_clock;  // What a writer of a rwlock also learns.
  uint8_t held_for_reading[kMaxThreads];

  void Reset(uintptr_t at, SyncObject* next) {
    address = at;
    next_in_cell = next;
    owner = first_waiter = last_waiter = kNoThread;
    depth = readers = 0;
    count = 0;
    generation = 0;
    state = SyncState::kNew;
    known = false;
    clock.Clear();
    reader_clock.Clear();
    memset(held_for_reading, 0, sizeof(held_for_reading));
  }
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_SYNC_OBJECT_H_
