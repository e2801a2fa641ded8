// What the engine knows about memory: one cell for every eight bytes that two
// threads might argue about.
//
// Model.  A hash table from granules (address / 8) to cells. A cell lists the
// last accesses to its bytes, points to the synchronization object at that
// address, if any, and knows whether the memory was freed. Cells carry the
// number of the schedule they belong to, so that starting over is one
// increment.
// Invariants.  I1: a cell of another generation is as good as absent. I2: cells
// stay valid until the next call of FindOrAdd().
// Thread safety.  The engine's OS thread only.
#ifndef STRESSD_EXPLORE_SHADOW_H_
#define STRESSD_EXPLORE_SHADOW_H_

#include <stdint.h>

#include "stressd/explore/array.h"
#include "stressd/explore/sync_object.h"

namespace explore {

inline constexpr uint32_t kNoAccess = 0;

// One access that a later one may race with.
struct Access {
  uint16_t thread;
  uint8_t bytes;  // Bit i: byte i of the granule.
  uint8_t write : 1;
  uint8_t atomic : 1;
  uint32_t clock;  // Of its thread, when it was made.
  uint32_t stack;  // Node of the StackTable.
  uint32_t next;   // Index in the pool, kNoAccess at the end.
  uintptr_t pc;
};

struct Cell {
  uintptr_t granule;
  uint32_t generation;
  uint32_t accesses;  // Index of the first, kNoAccess if none.
  SyncObject* sync;
  uint64_t history;    // Hash of the modifications so far: see RaceDetector::signature().
  uintptr_t freed_pc;  // Where the memory was freed; 0 if it was not.
  uint32_t freed_stack;
  uint32_t freed_thread;
};

class Shadow {
 public:
  // Forgets everything. Cheap.
  void Reset();

  Cell* Find(uintptr_t address);
  Cell* FindOrAdd(uintptr_t address);
  // The object at exactly `address`, made on first use.
  SyncObject* Sync(uintptr_t address);
  SyncObject* FindSync(uintptr_t address);

  // Forgets all about [begin, end), which now holds something new.
  void Clear(uintptr_t begin, uintptr_t end);

  Access& access(uint32_t index) { return accesses_[index]; }
  uint32_t AddAccess(const Access& access);
  void ReleaseAccess(uint32_t index);

 private:
  void Grow();
  uint32_t Slot(uintptr_t granule) const;

  uint32_t generation_ = 0;
  uint32_t used_ = 0;
  uint32_t capacity_ = 0;
  Cell* cells_ = nullptr;
  uint32_t free_access_ = kNoAccess;
  Array<Access> accesses_;
  // Objects are handed out in order and reused by the next generation.
  Array<SyncObject*> objects_;
  uint32_t objects_used_ = 0;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_SHADOW_H_
