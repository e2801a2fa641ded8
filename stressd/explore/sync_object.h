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

#include "stressd/explore/array.h"
#include "stressd/explore/vector_clock.h"

namespace explore {

inline constexpr uint16_t kNoThread = 0xffff;

enum class SyncState : uint32_t { kNew, kRunning, kDone };

// What only rwlocks have, kept apart because most objects are atomic variables.
struct ReaderState {
  VectorClock clock;  // What a writer also learns.
  uint8_t held[kMaxThreads];
};

struct SyncObject {
  uintptr_t address;
  SyncObject* next_in_cell;  // Another object in the same eight bytes.
  uint16_t owner;            // Of a mutex or of a rwlock held for writing.
  uint16_t first_waiter;     // Chained by Thread::next_waiter.
  uint16_t last_waiter;
  uint16_t reserved;
  uint32_t depth;             // Of a recursive lock.
  uint32_t readers;           // Of a rwlock.
  int64_t count;              // A semaphore's value; a barrier's arrivals.
  uint64_t generation;        // A barrier's.
  SyncState state;            // Of a once.
  bool known;                 // Its settings were taken over from the program's object.
  ReaderState* reader_state;  // Null before the first reader; kept for the next schedule.
  VectorClock clock;

  ReaderState& Readers() {
    if (reader_state == nullptr) {
      reader_state = static_cast<ReaderState*>(MapPages(sizeof(ReaderState)));
    }
    return *reader_state;
  }

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
    if (reader_state != nullptr) *reader_state = ReaderState{};
  }
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_SYNC_OBJECT_H_
