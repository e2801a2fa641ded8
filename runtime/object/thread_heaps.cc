#include "runtime/alloc/bundle_pool.h"
#include "runtime/alloc/page_hold.h"
#include "runtime/base/fault_point.h"
#include "runtime/object/object_space.h"
#include "runtime/object/object_thread.h"

namespace rt {

bool AdoptHeaps(ObjectThread& thread) {
  if (!thread.may_adopt_heaps || FaultPoint("object.adopt_heaps")) return false;
  ObjectSpace& space = *thread.space;
  bool adopted = false;
  thread.heaps = space.bundle_pool.Adopt(thread.id, space.hooks.page_hold, &adopted);
  if (thread.heaps == nullptr) return false;
  thread.counters->Add(adopted ? Counter::kHeapBundlesAdopted : Counter::kHeapBundlesCreated);
  return true;
}

}  // namespace rt
