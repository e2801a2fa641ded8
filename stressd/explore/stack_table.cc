#include "stressd/explore/stack_table.h"

#include "stressd/explore/array.h"
#include "stressd/explore/random.h"

namespace explore {

void StackTable::Init(StackNode* nodes) {
  nodes_ = nodes;
  nodes_[0] = StackNode{};
  index_ = static_cast<uint32_t*>(MapPages(kIndexSize * sizeof(uint32_t)));
  size_ = 1;
}

uint32_t StackTable::Child(uint32_t parent, uintptr_t pc) {
  uint32_t slot = static_cast<uint32_t>(Mix(pc ^ (uint64_t{parent} << 40))) % kIndexSize;
  while (index_[slot] != 0) {
    const StackNode& node = nodes_[index_[slot]];
    if (node.parent == parent && node.pc == pc) return index_[slot];
    slot = (slot + 1) % kIndexSize;
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
