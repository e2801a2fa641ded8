// Where a thread is: the return addresses of its calls, as they stand.
//
// Model.  Entering a function writes down one address, leaving it takes one off;
// most calls are never asked about. Node() turns the stack into a node of the
// StackTable when somebody wants to remember it, and remembers how far down that
// was done already: the next question from the same function costs nothing.
// Invariants.  I1: nodes_[i] is right for i < known_. I2: known_ <= depth_.
// Limits.  Of a stack deeper than kDepth the innermost calls are not told apart.
// Thread safety.  The engine's OS thread only.
#ifndef STRESSD_EXPLORE_CALL_STACK_H_
#define STRESSD_EXPLORE_CALL_STACK_H_

#include <stdint.h>

#include "stressd/explore/stack_table.h"

namespace explore {

class CallStack {
 public:
  void Enter(uintptr_t pc) {
    if (depth_ < kDepth) pcs_[depth_] = pc;
    ++depth_;
  }
  void Exit() {
    if (depth_ == 0) return;  // Entered before the engine was there.
    if (--depth_ < known_) known_ = depth_;
  }
  void Clear() { depth_ = known_ = 0; }

  // The node of `table` that stands for the stack as it is now; 0 if empty.
  uint32_t Node(StackTable& table) {
    const uint32_t depth = depth_ < kDepth ? depth_ : kDepth;
    uint32_t node = known_ == 0 ? 0 : nodes_[known_ - 1];
    while (known_ < depth) {
      node = table.Child(node, pcs_[known_]);
      nodes_[known_++] = node;
    }
    return node;
  }

 private:
  // 512: four times what a report shows of the deepest stack seen, our own runtime's.
  static constexpr uint32_t kDepth = 512;

  uint32_t depth_ = 0;
  uint32_t known_ = 0;
  uintptr_t pcs_[kDepth] = {};
  uint32_t nodes_[kDepth] = {};
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_CALL_STACK_H_
