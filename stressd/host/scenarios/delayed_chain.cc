#include "stressd/host/scenarios/delayed_chain.h"

#include <cstddef>

#include "absl/strings/str_format.h"
#include "runtime/alloc/heap_bundle.h"

namespace stressd::host {

bool DelayedChain::Create(rt::ThreadState& main) {
  if (type_ != nullptr) return true;
  type_ = rt::TypeNew(
      main,
      {.name = "Delayed", .slot_count = 1, .finalizer = &DelayMore, .finalizer_context = this});
  return type_ != nullptr;
}

bool DelayedChain::DelayBlock(rt::ObjectThread& thread, int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  void* const block = rt::AllocateBlock(thread, rt::HeapKind::kMemory, size);
  if (block == nullptr) return false;
  // Both ends: what is freed too early is somebody else's by now.
  static_cast<char*>(block)[0] = 1;
  static_cast<char*>(block)[size - 1] = 1;
  thread.delayed_free.FreeMemory(block, size);
  return true;
}

bool DelayedChain::DelayInstance(rt::ObjectThread& thread, int64_t depth) {
  rt::Instance* const instance = rt::InstanceNew(thread, type_);
  if (instance == nullptr) return false;
  // relaxed: a statistic, judged when no thread works any more.
  instances_made_.fetch_add(1, std::memory_order_relaxed);
  if (rt::Number* const number = rt::NumberNew(thread, depth)) {
    rt::InstanceSet(thread, instance, 0, rt::AsObject(number));
    rt::Decref(thread, rt::AsObject(number));
  }
  thread.delayed_free.FreeObject(rt::AsObject(instance), sizeof(rt::Instance));
  return true;
}

void DelayedChain::DelayMore(rt::ObjectThread& thread, rt::Instance* instance, void* chain) {
  auto& self = *static_cast<DelayedChain*>(chain);
  // relaxed: a statistic, judged when no thread works any more.
  self.finalizers_run_.fetch_add(1, std::memory_order_relaxed);
  rt::Object* const number = rt::InstanceGet(thread, instance, 0);
  if (number == nullptr) return;
  const int64_t depth = rt::NumberValue(number);
  rt::Decref(thread, number);
  // `type_` is null when the main thread has dropped it: the chain ends there.
  if (depth <= 1 || self.type_ == nullptr) return;
  // Lack of memory makes the chain shorter, no more.
  (void)DelayBlock(thread, self.small_bytes_);
  (void)self.DelayInstance(thread, depth - 1);
}

void DelayedChain::DropType(rt::ThreadState& main) {
  if (type_ == nullptr) return;
  rt::Decref(main, rt::AsObject(type_));
  type_ = nullptr;
}

void DelayedChain::Judge(ViolationList& out) const {
  // relaxed: no thread works any more.
  const int64_t made = instances_made_.load(std::memory_order_relaxed);
  const int64_t finalized = finalizers_run_.load(std::memory_order_relaxed);
  if (made == finalized) return;
  out.Add("finalizers",
          absl::StrFormat("%d delayed instances were made and %d finalizers ran", made, finalized));
}

}  // namespace stressd::host
