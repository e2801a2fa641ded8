// Between block and object: the header of a first reference, inline for the
// makers of objects. Everybody else calls NewReference() (reference_count.h).
//
// Thread safety.  The attached thread `thread`; the block is its own.

#ifndef RUNTIME_OBJECT_NEW_REFERENCE_H_
#define RUNTIME_OBJECT_NEW_REFERENCE_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"
#include "runtime/object/type.h"

namespace rt {

// The eight bytes of a header from `flags` to `local`, as those of a new object
// with an owner and one reference are.
constexpr uint64_t BirthWord(uint8_t stat_index, uint8_t gc_bits) {
  struct Fields {
    uint8_t flags;
    uint8_t stat_index;
    uint8_t mutex;  // Unlocked.
    uint8_t gc_bits;
    uint32_t local;
  };
  return std::bit_cast<uint64_t>(Fields{0, stat_index, 0, gc_bits, 1});
}
static_assert(offsetof(Object, flags) == 8 && offsetof(Object, stat_index) == 9 &&
              offsetof(Object, mutex) == 10 && offsetof(Object, gc_bits) == 11 &&
              offsetof(Object, local) == 12);

namespace internal {

// Writes the five fields at once.
inline void StoreBirthWord(Object* object, uint64_t birth_word) {
  // The fields are read one by one, which the compiler must know.
  using Word [[gnu::may_alias]] = uint64_t;
  // relaxed: a prober looks at these only after it took a reference.
  __atomic_store_n(
      reinterpret_cast<Word*>(reinterpret_cast<char*>(object) + offsetof(Object, flags)),
      birth_word, __ATOMIC_RELAXED);
}

}  // namespace internal

// NewReference() of an object whose type has this birth word. The makers fill in
// the rest before they call it: from here on the object is whole.
inline void NewReferenceInline(ObjectThread& thread, Object* object, TypeObject* type,
                               uint64_t birth_word, bool tracked) {
  // A reader may be probing the memory this very moment, because it found the
  // last object that lived here: so every header word it looks at is written
  // atomically, and `shared` (0 or merged and 0 before) is written last.
  object->type = type;
  internal::StoreBirthWord(object, birth_word);
  const ThreadId owner_id = thread.owner_id;
  if (owner_id != kNobodyId) [[likely]] {
    // relaxed: probers fail on shared == 0 whatever they see in these.
    object->owner.store(owner_id, std::memory_order_relaxed);
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
  if (tracked) CountTracked(thread, 1);
}

inline void NewReferenceInline(ObjectThread& thread, Object* object, TypeObject* type) {
  NewReferenceInline(thread, object, type, type->birth_word, type->birth_gc_bits != 0);
}

// The block that `object`, not yet marked dead, lives in.
[[nodiscard]] inline void* BlockOf(Object* object) {
  return reinterpret_cast<char*>(object) - object->type->prefix_bytes;
}

}  // namespace rt

#endif  // RUNTIME_OBJECT_NEW_REFERENCE_H_
