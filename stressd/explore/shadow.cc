#include "stressd/explore/shadow.h"

namespace explore {
namespace {

// 4096 cells to begin with: more than most schedules of a kernel touch.
constexpr uint32_t kFirstIndexCapacity = 8192;
// Address space is free, moving an array is not: rooms for a large program.
constexpr uint32_t kReservedItems = 1 << 15;
// 64 granules, 512 bytes of the program, have their entries side by side.
constexpr uint32_t kNeighbourShift = 6;

}  // namespace

void Shadow::Reset() {
  if (index_capacity_ == 0) {
    index_capacity_ = kFirstIndexCapacity;
    index_ = static_cast<uint32_t*>(MapPages(index_capacity_ * sizeof(uint32_t)));
    cells_.Reserve(kReservedItems);
    accesses_.Reserve(kReservedItems);
  }
  cells_.Clear();
  accesses_.Clear();
  accesses_.Push(Access{});  // Index 0 is kNoAccess.
  free_access_ = kNoAccess;
  objects_used_ = 0;
  freed_.Reset();
}

uint32_t Shadow::FirstSlot(uintptr_t granule) const {
  const uint32_t group =
      static_cast<uint32_t>(((granule >> kNeighbourShift) * 0x9e3779b97f4a7c15) >> 33);
  const uint32_t within = static_cast<uint32_t>(granule) & ((1 << kNeighbourShift) - 1);
  return ((group << kNeighbourShift) | within) & (index_capacity_ - 1);
}

Cell* Shadow::Find(uintptr_t address) {
  const uintptr_t granule = address >> 3;
  for (uint32_t slot = FirstSlot(granule);; slot = (slot + 1) & (index_capacity_ - 1)) {
    Cell* cell = At(slot);
    if (cell == nullptr || cell->granule == granule) return cell;
  }
}

Cell* Shadow::FindOrAdd(uintptr_t address) {
  const uintptr_t granule = address >> 3;
  if (2 * cells_.size() >= index_capacity_) GrowIndex();
  for (uint32_t slot = FirstSlot(granule);; slot = (slot + 1) & (index_capacity_ - 1)) {
    Cell* cell = At(slot);
    if (cell != nullptr && cell->granule == granule) return cell;
    if (cell != nullptr) continue;
    index_[slot] = cells_.size();
    Cell added{};
    added.granule = granule;
    added.slot = slot;
    cells_.Push(added);
    return &cells_.back();
  }
}

void Shadow::GrowIndex() {
  UnmapPages(index_, index_capacity_ * sizeof(uint32_t));
  index_capacity_ *= 2;
  index_ = static_cast<uint32_t*>(MapPages(index_capacity_ * sizeof(uint32_t)));
  // No cell claims a slot until it has found its own.
  for (uint32_t i = 0; i < cells_.size(); ++i) cells_[i].slot = index_capacity_;
  for (uint32_t i = 0; i < cells_.size(); ++i) {
    uint32_t slot = FirstSlot(cells_[i].granule);
    while (At(slot) != nullptr) slot = (slot + 1) & (index_capacity_ - 1);
    cells_[i].slot = slot;
    index_[slot] = i;
  }
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
  }
  freed_.Unmark(begin, end);
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
