// Between block and object: the header of a first reference, inline for the
// makers of objects. Everybody else calls NewReference() (reference_count.h).
//
// Thread safety.  The attached thread `thread`; the block is its own.

#ifndef RUNTIME_OBJECT_NEW_REFERENCE_H_
#define RUNTIME_OBJECT_NEW_REFERENCE_H_

#include <atomic>
#include <new>

#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"
#include "runtime/object/type.h"

namespace rt {

inline void NewReferenceInline(ObjectThread& thread, Object* object, TypeObject* type) {
  // A reader may be probing the memory this very moment, because it found the
  // last object that lived here: so every header word it looks at is written
  // atomically, and `shared` (0 or merged and 0 before) is written last.
  object->type = type;
  new (&object->mutex) Mutex();
  // relaxed: a prober looks at these only after it took a reference.
  object->flags.store(0, std::memory_order_relaxed);
  object->stat_index.store(type->stat_index, std::memory_order_relaxed);
  if (thread.owner_id != kNobodyId) [[likely]] {
    // relaxed: probers fail on shared == 0 whatever they see in these.
    object->local.store(1, std::memory_order_relaxed);
    object->owner.store(thread.owner_id, std::memory_order_relaxed);
    object->shared.store(kSharedInitial, std::memory_order_relaxed);
  } else {
    // Outside of the merge table (OT-1): born merged.
    object->local.store(0, std::memory_order_relaxed);
    object->owner.store(kNoOwner, std::memory_order_relaxed);
    // (B12) release store, synchronizes with the acquire (B5) in
    //       TryIncrefShared(): who succeeds now sees the new stat_index.
    object->shared.store(kSharedOne | kSharedMerged, std::memory_order_release);
  }
  internal::Account(thread, object, 1);
  // Whole: the makers fill in the rest before they call us.
  object->gc_bits = type->birth_gc_bits;
  if (type->birth_gc_bits != 0) CountTracked(thread, 1);
}

// The block that `object`, not yet marked dead, lives in.
[[nodiscard]] inline void* BlockOf(Object* object) {
  return reinterpret_cast<char*>(object) - object->type->prefix_bytes;
}

}  // namespace rt

#endif  // RUNTIME_OBJECT_NEW_REFERENCE_H_
