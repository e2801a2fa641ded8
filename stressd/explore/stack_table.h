// Call stacks as numbers: a tree of return addresses.
//
// Model.  Node 0 is the empty stack; every other node is a parent and the return
// address of one more call. A function's entry looks its node up or makes it,
// its exit goes back to the parent, so remembering a stack costs four bytes.
// Invariants.  I1: a node never changes. I2: when the table is full the parent
// stands for its children: stacks lose inner frames, nothing else.
// Thread safety.  The engine's OS thread only.
// Source.  LLVM's StackDepot keeps whole stacks by hash; ours shares prefixes.
#ifndef STRESSD_EXPLORE_STACK_TABLE_H_
#define STRESSD_EXPLORE_STACK_TABLE_H_

#include <stdint.h>

#include "stressd/explore/exchange.h"

namespace explore {

class StackTable {
 public:
  // `nodes` has room for kMaxStackNodes and outlives the table.
  void Init(StackNode* nodes);

  // The stack `parent` plus a call that returns to `pc`.
  uint32_t Child(uint32_t parent, uintptr_t pc);
  uint32_t Parent(uint32_t node) const { return nodes_[node].parent; }
  uint32_t size() const { return size_; }

  // Writes `pc` and then the stack's return addresses, innermost first; the
  // number written is at most `capacity`.
  uint32_t Frames(uint32_t node, uintptr_t pc, uint64_t* frames, uint32_t capacity) const;

 private:
  uint32_t Slot(uint32_t parent, uintptr_t pc) const;
  void Grow();

  StackNode* nodes_ = nullptr;
  uint32_t* index_ = nullptr;    // A hash table of nodes, at most half full.
  uint32_t index_capacity_ = 0;  // A power of two.
  uint32_t size_ = 0;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_STACK_TABLE_H_
