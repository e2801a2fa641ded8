// Happens-before race detection over the explored schedule.
//
// Model.  Vector clocks per thread and per atomic variable follow the C++ rules:
// release sequences, read-modify-writes that continue them, and free-standing
// fences. Two accesses to a byte race when one of them writes, they are not
// both atomic, and neither happened before the other. Since the engine orders
// all accesses, nothing is sampled or lost: each granule keeps every access
// that a later one could race with.
// Invariants.  I1: a thread's own clock component grows after each release, so
// an access is ordered before another thread exactly if that thread's clock
// has reached the access's.
// Thread safety.  The engine's OS thread only.
// Source.  Flanagan, Freund, "FastTrack"; C++20 [intro.races], [atomics.fences].
#ifndef STRESSD_EXPLORE_RACE_DETECTOR_H_
#define STRESSD_EXPLORE_RACE_DETECTOR_H_

#include <stdint.h>

#include "stressd/explore/shadow.h"
#include "stressd/explore/thread.h"

namespace explore {

// The memory orders as the compiler passes them.
enum MemoryOrder : int { kRelaxed, kConsume, kAcquire, kRelease, kAcqRel, kSeqCst };

constexpr bool Acquires(int order) {
  return order == kConsume || order == kAcquire || order >= kAcqRel;
}
constexpr bool Releases(int order) { return order >= kRelease; }

// What is wrong with an access.
struct AccessFault {
  enum Kind : uint8_t { kNone, kRace, kFreed } kind = kNone;
  Access earlier;           // Of a race.
  uint32_t size_bytes = 0;  // Of the access.
};

class RaceDetector {
 public:
  // `sites` is Exchange::sites. When `learn` is set, accesses mark their sites as
  // seen; and as shared those that touch a granule which two threads touch and one
  // of them writes, whenever in the schedule they do.
  void Begin(Shadow* shadow, uint8_t* sites, uintptr_t image_base, bool learn, bool report_races);

  // Judges an access, made in `stack`, and remembers it.
  AccessFault Check(const Thread& thread, uint32_t stack, uintptr_t address, uint32_t size_bytes,
                    bool write, bool atomic, uintptr_t pc);

  void AtomicLoad(Thread& thread, uintptr_t address, int order);
  // What a store of `order` would let its readers acquire.
  void StoreClock(Thread& thread, int order, VectorClock& out);
  // The store is visible now.
  void Publish(uintptr_t address, const VectorClock& release);
  void AtomicUpdate(Thread& thread, uintptr_t address, int order);
  void Fence(Thread& thread, int order);

  // Synchronization objects.
  void Acquire(Thread& thread, const VectorClock& clock) { thread.clock.Join(clock); }
  void Release(Thread& thread, VectorClock& clock) {
    clock.Join(thread.clock);
    Tick(thread);
  }
  void Tick(Thread& thread) { thread.clock.Set(thread.id, thread.clock.Get(thread.id) + 1); }

  // Takes note that `thread` acted on the object at `address`.
  void Touch(const Thread& thread, uintptr_t address, uintptr_t pc, bool modifies);
  // A hash of the order of all conflicting operations: equal for schedules that
  // differ only in the order of independent ones.
  uint64_t signature() const { return signature_; }

  static uint32_t SiteIndex(uintptr_t pc, uintptr_t image_base);

 private:
  void CheckGranule(const Thread& thread, Cell& cell, const Access& access, AccessFault& fault);
  void Learn(const Thread& thread, const Cell& cell, bool write, uint32_t site);

  // What learning knows of a cell.
  struct LearnedCell {
    uint32_t first_note;  // Sites that touched it before it was found to be shared.
    uint16_t thread;      // Number + 1 of the first one; 0: none yet.
    bool several;
    bool written;
  };
  struct SiteNote {
    uint32_t site;
    uint32_t next;  // 0 at the end.
  };

  Shadow* shadow_ = nullptr;
  uint8_t* sites_ = nullptr;
  uintptr_t image_base_ = 0;
  bool learn_ = false;
  bool report_races_ = false;
  uint64_t signature_ = 0;
  Array<LearnedCell> learned_;  // By number of the cell; empty unless learning.
  Array<SiteNote> notes_;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_RACE_DETECTOR_H_
