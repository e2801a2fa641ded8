// Mark stack: the objects that were reached and wait to be traversed.
//
// Model.  A stack in raw memory that doubles. The first entries are part of the
// object, so that there always is room for some; when memory for more runs out,
// Push() says no and the caller finds the object another way (marking.h).
// Thread safety.  One thread.
// Source.  The overflow handling is the textbook one (Jones, Hosking, Moss, The
// Garbage Collection Handbook, 2.1).

#ifndef RUNTIME_GC_MARK_STACK_H_
#define RUNTIME_GC_MARK_STACK_H_

#include <cstddef>

namespace rt {

struct Object;

class MarkStack {
 public:
  MarkStack() = default;
  ~MarkStack();
  MarkStack(const MarkStack&) = delete;
  MarkStack& operator=(const MarkStack&) = delete;

  // Returns false, having done nothing, when there is no room for one more.
  [[nodiscard]] bool Push(Object* object) {
    if (size_ == capacity_ && !Grow()) [[unlikely]]
      return false;
    entries_[size_++] = object;
    return true;
  }

  // The last one pushed, or null.
  Object* Pop() { return size_ == 0 ? nullptr : entries_[--size_]; }

 private:
  // 256: a collection of few objects allocates nothing.
  static constexpr size_t kInlineCount = 256;

  bool Grow();

  Object* inline_entries_[kInlineCount];
  Object** entries_ = inline_entries_;
  size_t size_ = 0;
  size_t capacity_ = kInlineCount;
};

}  // namespace rt

#endif  // RUNTIME_GC_MARK_STACK_H_
