#include "stressd/explore/stack_table.h"

#include "stressd/explore/array.h"
#include "stressd/explore/random.h"

namespace explore {
namespace {

// Small, because every forked child copies what it touches of it.
constexpr uint32_t kFirstCapacity = 2048;

}  // namespace

void StackTable::Init(StackNode* nodes) {
  nodes_ = nodes;
  nodes_[0] = StackNode{};
  index_capacity_ = kFirstCapacity;
  index_ = static_cast<uint32_t*>(MapPages(index_capacity_ * sizeof(uint32_t)));
  size_ = 1;
}

uint32_t StackTable::Slot(uint32_t parent, uintptr_t pc) const {
  return static_cast<uint32_t>(Mix(pc ^ (uint64_t{parent} << 40))) & (index_capacity_ - 1);
}

void StackTable::Grow() {
  UnmapPages(index_, index_capacity_ * sizeof(uint32_t));
  index_capacity_ *= 2;
  index_ = static_cast<uint32_t*>(MapPages(index_capacity_ * sizeof(uint32_t)));
  for (uint32_t node = 1; node < size_; ++node) {
    uint32_t slot = Slot(nodes_[node].parent, nodes_[node].pc);
    while (index_[slot] != 0) slot = (slot + 1) & (index_capacity_ - 1);
    index_[slot] = node;
  }
}

uint32_t StackTable::Child(uint32_t parent, uintptr_t pc) {
  if (2 * size_ >= index_capacity_) Grow();
  uint32_t slot = Slot(parent, pc);
  while (index_[slot] != 0) {
    const StackNode& node = nodes_[index_[slot]];
    if (node.parent == parent && node.pc == pc) return index_[slot];
    slot = (slot + 1) & (index_capacity_ - 1);
  }
  if (size_ == kMaxStackNodes) return parent;
  nodes_[size_] = StackNode{parent, nodes_[parent].depth + 1, pc};
  index_[slot] = size_;
  return size_++;
}

uint32_t StackTable::Frames(uint32_t node, uintptr_t pc, uint64_t* frames,
                            uint32_t capacity) const {
  uint32_t count = 0;
  if (count < capacity) frames[count++] = pc;
  for (; node != 0 && count < capacity; node = nodes_[node].parent) {
    frames[count++] = nodes_[node].pc;
  }
  return count;
}

}  // namespace explore
