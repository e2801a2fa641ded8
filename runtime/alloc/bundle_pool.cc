#include "runtime/alloc/bundle_pool.h"

#include "runtime/base/check.h"
#include "runtime/base/schedule_point.h"

namespace rt {

BundlePool::~BundlePool() {
  MutexLock lock(mutex_);
  RT_CHECK(first_ == nullptr, "I2", "%lld bundles are still parked",
           static_cast<long long>(parked_count_));
}

void BundlePool::Park(HeapBundle* bundle) {
  RT_SCHEDULE_POINT("alloc.park_heaps");
  if (bundle->owner_id() != 0) bundle->Unbind();
  MutexLock lock(mutex_);
  bundle->next_parked_ = first_;
  first_ = bundle;
  ++parked_count_;
}

HeapBundle* BundlePool::TakeFirst() {
  MutexLock lock(mutex_);
  HeapBundle* const bundle = first_;
  if (bundle == nullptr) return nullptr;
  first_ = bundle->next_parked_;
  bundle->next_parked_ = nullptr;
  --parked_count_;
  return bundle;
}

HeapBundle* BundlePool::Adopt(uint64_t owner_id, const PageHold& page_hold, bool* adopted) {
  RT_SCHEDULE_POINT("alloc.adopt_heaps");
  HeapBundle* bundle = TakeFirst();
  if (adopted != nullptr) *adopted = bundle != nullptr;
  if (bundle == nullptr) bundle = HeapBundle::Allocate(page_hold);
  if (bundle != nullptr) bundle->Bind(owner_id);
  return bundle;
}

int64_t BundlePool::Collect() {
  // As many turns as bundles are parked now. One goes through at a time and
  // comes back at the end, so that others can still be adopted meanwhile.
  const int64_t turn_count = parked_count();
  int64_t collected_count = 0;
  int64_t empty_count = 0;
  while (collected_count < turn_count) {
    HeapBundle* const bundle = TakeFirst();
    if (bundle == nullptr) break;
    bundle->Collect(/*force=*/true);
    ++collected_count;
    if (bundle->IsEmpty() && ++empty_count > kEmptyKept) {
      HeapBundle::Destroy(bundle);
      continue;
    }
    MutexLock lock(mutex_);
    HeapBundle** end = &first_;
    while (*end != nullptr) end = &(*end)->next_parked_;
    *end = bundle;
    ++parked_count_;
  }
  return collected_count;
}

HeapBundleUsage BundlePool::CountBlocksWorldStopped() {
  MutexLock lock(mutex_);
  HeapBundleUsage usage;
  for (HeapBundle* bundle = first_; bundle != nullptr; bundle = bundle->next_parked_) {
    usage += bundle->CountBlocks();
  }
  return usage;
}

bool BundlePool::VisitBlocksWorldStopped(HeapBundle::BlockVisitor visitor, void* argument) {
  MutexLock lock(mutex_);
  for (HeapBundle* bundle = first_; bundle != nullptr; bundle = bundle->next_parked_) {
    if (!bundle->VisitBlocks(visitor, argument)) return false;
  }
  return true;
}

void BundlePool::VisitBundlesWorldStopped(void (*visit)(void* argument, HeapBundle& bundle),
                                          void* argument) {
  MutexLock lock(mutex_);
  for (HeapBundle* bundle = first_; bundle != nullptr; bundle = bundle->next_parked_) {
    visit(argument, *bundle);
  }
}

void BundlePool::CheckInvariantsWorldStopped() {
  MutexLock lock(mutex_);
  int64_t count = 0;
  for (HeapBundle* bundle = first_; bundle != nullptr; bundle = bundle->next_parked_) {
    RT_CHECK(bundle->owner_id() == 0, "I1", "a parked bundle has an owner");
    bundle->CheckInvariants();
    ++count;
  }
  RT_CHECK(count == parked_count_, "I2", "%lld bundles, counted as %lld",
           static_cast<long long>(count), static_cast<long long>(parked_count_));
}

void BundlePool::DestroyAll() {
  while (HeapBundle* const bundle = TakeFirst()) HeapBundle::Destroy(bundle);
}

int64_t BundlePool::parked_count() const {
  MutexLock lock(mutex_);
  return parked_count_;
}

}  // namespace rt
