// What the engine knows about memory: one cell for every eight bytes that two
// threads might argue about.
//
// Model.  Cells stand in one array in the order of their first use, so that a
// forked child touches as few pages as it needs; a hash table leads from a granule
// (address / 8) to its cell. A cell lists the last accesses to its bytes, and points
// to the synchronization object at that address, if any. Starting over forgets the
// cells and leaves the table as it is: an entry counts only while its cell points
// back. Freed memory is known beside, in bits.
// Invariants.  I1: cells_[index_[s]].slot == s for every slot in use, and for no other.
// I2: cells stay valid until the next call of FindOrAdd().
// Thread safety.  The engine's OS thread only.
#ifndef STRESSD_EXPLORE_SHADOW_H_
#define STRESSD_EXPLORE_SHADOW_H_

#include <stdint.h>

#include "stressd/explore/array.h"
#include "stressd/explore/freed_memory.h"
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
  uint32_t slot;      // Of the hash table.
  uint32_t accesses;  // Index of the first, kNoAccess if none.
  SyncObject* sync;
  uint64_t history;  // Hash of the modifications so far: see RaceDetector::signature().
};

class Shadow {
 public:
  // Forgets everything. Cheap.
  void Reset();

  Cell* Find(uintptr_t address);
  Cell* FindOrAdd(uintptr_t address);
  // Cells are numbered from 0 in the order of their first use.
  uint32_t NumberOf(const Cell& cell) { return static_cast<uint32_t>(&cell - cells_.data()); }
  // The object at exactly `address`, made on first use.
  SyncObject* Sync(uintptr_t address);
  SyncObject* FindSync(uintptr_t address);

  // Forgets all about [begin, end), which now holds something new.
  void Clear(uintptr_t begin, uintptr_t end);

  FreedMemory& freed() { return freed_; }

  Access& access(uint32_t index) { return accesses_[index]; }
  uint32_t AddAccess(const Access& access);
  void ReleaseAccess(uint32_t index);

 private:
  void GrowIndex();
  uint32_t FirstSlot(uintptr_t granule) const;
  // The cell of `slot`, null if the slot is not in use.
  Cell* At(uint32_t slot) {
    const uint32_t number = index_[slot];
    return number < cells_.size() && cells_[number].slot == slot ? &cells_[number] : nullptr;
  }

  uint32_t index_capacity_ = 0;  // A power of two, at least twice the number of cells.
  uint32_t* index_ = nullptr;
  Array<Cell> cells_;
  uint32_t free_access_ = kNoAccess;
  Array<Access> accesses_;
  // Objects are handed out in order and reused by the next generation.
  Array<SyncObject*> objects_;
  uint32_t objects_used_ = 0;
  FreedMemory freed_;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_SHADOW_H_
