#include "stressd/explore/shadow.h"

#include "stressd/explore/random.h"

namespace explore {
namespace {

// 4096 cells to begin with: a small kernel's whole memory in 300 KiB.
constexpr uint32_t kFirstCapacity = 4096;

}  // namespace

void Shadow::Reset() {
  if (capacity_ == 0) {
    capacity_ = kFirstCapacity;
    cells_ = static_cast<Cell*>(MapPages(capacity_ * sizeof(Cell)));
  }
  ++generation_;
  used_ = 0;
  accesses_.Clear();
  accesses_.Push(Access{});  // Index 0 is kNoAccess.
  free_access_ = kNoAccess;
  objects_used_ = 0;
}

uint32_t Shadow::Slot(uintptr_t granule) const {
  return static_cast<uint32_t>((granule * 0x9e3779b97f4a7c15) >> 33) & (capacity_ - 1);
}

Cell* Shadow::Find(uintptr_t address) {
  const uintptr_t granule = address >> 3;
  for (uint32_t slot = Slot(granule);; slot = (slot + 1) & (capacity_ - 1)) {
    Cell& cell = cells_[slot];
    if (cell.generation != generation_) return nullptr;
    if (cell.granule == granule) return &cell;
  }
}

Cell* Shadow::FindOrAdd(uintptr_t address) {
  const uintptr_t granule = address >> 3;
  if (2 * used_ >= capacity_) Grow();
  for (uint32_t slot = Slot(granule);; slot = (slot + 1) & (capacity_ - 1)) {
    Cell& cell = cells_[slot];
    if (cell.generation != generation_) {
      ++used_;
      cell = Cell{};
      cell.granule = granule;
      cell.generation = generation_;
      return &cell;
    }
    if (cell.granule == granule) return &cell;
  }
}

void Shadow::Grow() {
  Cell* old = cells_;
  const uint32_t old_capacity = capacity_;
  capacity_ *= 2;
  cells_ = static_cast<Cell*>(MapPages(capacity_ * sizeof(Cell)));
  for (uint32_t i = 0; i < old_capacity; ++i) {
    if (old[i].generation != generation_) continue;
    uint32_t slot = Slot(old[i].granule);
    while (cells_[slot].generation == generation_) slot = (slot + 1) & (capacity_ - 1);
    cells_[slot] = old[i];
  }
  UnmapPages(old, old_capacity * sizeof(Cell));
}

SyncObject* Shadow::FindSync(uintptr_t address) {
  Cell* cell = Find(address);
  if (cell == nullptr) return nullptr;
  for (SyncObject* object = cell->sync; object != nullptr; object = object->next_in_cell) {
    if (object->address == address) return object;
  }
  return nullptr;
}

SyncObject* Shadow::Sync(uintptr_t address) {
  Cell* cell = FindOrAdd(address);
  for (SyncObject* object = cell->sync; object != nullptr; object = object->next_in_cell) {
    if (object->address == address) return object;
  }
  if (objects_used_ == objects_.size()) {
    constexpr uint32_t kChunk = 64;
    SyncObject* chunk = static_cast<SyncObject*>(MapPages(kChunk * sizeof(SyncObject)));
    for (uint32_t i = 0; i < kChunk; ++i) objects_.Push(chunk + i);
  }
  SyncObject* object = objects_[objects_used_++];
  object->Reset(address, cell->sync);
  cell->sync = object;
  return object;
}

void Shadow::Clear(uintptr_t begin, uintptr_t end) {
  for (uintptr_t at = begin & ~uintptr_t{7}; at < end; at += 8) {
    Cell* cell = Find(at);
    if (cell == nullptr) continue;
    while (cell->accesses != kNoAccess) {
      const uint32_t next = accesses_[cell->accesses].next;
      ReleaseAccess(cell->accesses);
      cell->accesses = next;
    }
    cell->sync = nullptr;
    cell->freed_stack = 0;
    cell->freed_pc = 0;
  }
}

uint32_t Shadow::AddAccess(const Access& access) {
  if (free_access_ == kNoAccess) {
    accesses_.Push(access);
    return accesses_.size() - 1;
  }
  const uint32_t index = free_access_;
  free_access_ = accesses_[index].next;
  accesses_[index] = access;
  return index;
}

void Shadow::ReleaseAccess(uint32_t index) {
  accesses_[index].next = free_access_;
  free_access_ = index;
}

}  // namespace explore
