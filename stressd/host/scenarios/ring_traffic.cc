#include "stressd/host/scenarios/ring_traffic.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace stressd::host {
namespace {

// Slots of an instance: the next one of its ring, one of another ring, its number.
constexpr uint32_t kNextSlot = 0;
constexpr uint32_t kOtherSlot = 1;
constexpr uint32_t kNumberSlot = 2;
constexpr uint32_t kSlotCount = 3;

// What a collection finds was dropped since the one before: 128 rings of the newest.
constexpr size_t kNewest = 128;
constexpr int kReads = 4;

absl::Status NoRingMemory() { return absl::ResourceExhaustedError("no memory for objects"); }

void Expect(ViolationList& out, const char* oracle, const char* what, int64_t count) {
  if (count != 0) out.Add(oracle, absl::StrFormat("%d %s", count, what));
}

}  // namespace

RingTraffic::RingTraffic(const Shape& shape)
    : shape_(shape),
      kept_(shape.worker_count),
      finalized_(shape.number_limit),
      given_(shape.number_limit) {}

absl::Status RingTraffic::Create(rt::ThreadState& thread) {
  if (type_ == nullptr) {
    type_ = rt::TypeNew(thread, {.name = "ring",
                                 .slot_count = kSlotCount,
                                 .finalizer = &Finalize,
                                 .finalizer_context = this,
                                 .weakly_referable = true});
  }
  if (shared_ == nullptr) shared_ = rt::ListNew(thread);
  if (saved_ == nullptr) saved_ = rt::ListNew(thread);
  return type_ != nullptr && shared_ != nullptr && saved_ != nullptr ? absl::OkStatus()
                                                                     : NoRingMemory();
}

// Every number is finalized once; some instances are saved, for now.
void RingTraffic::Finalize(rt::ObjectThread& thread, rt::Instance* instance, void* context) {
  RingTraffic& self = *static_cast<RingTraffic*>(context);
  rt::Object* const number = rt::InstanceGet(thread, instance, kNumberSlot);
  const int64_t value = number == nullptr ? -1 : rt::NumberValue(number);
  // It could not be given its number.
  if (number == nullptr) return;
  rt::Decref(thread, number);
  // relaxed, all: judged once the threads are joined.
  if (value < 0 || static_cast<size_t>(value) >= self.finalized_.size()) {
    self.foreign_numbers_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  self.finalized_[static_cast<size_t>(value)].fetch_add(1, std::memory_order_relaxed);
  // Decided by the number, so that a run repeats.
  if (static_cast<uint64_t>(value) * 2654435761u % 1000 >= self.shape_.save_per_mille) return;
  if (rt::ListAppend(thread, self.saved_, rt::AsObject(instance))) {
    self.saved_count_.fetch_add(1, std::memory_order_relaxed);
  }
}

void RingTraffic::NoteCallback(rt::ObjectThread&, rt::WeakReference*, void* context) {
  // relaxed: as above.
  static_cast<RingTraffic*>(context)->callbacks_.fetch_add(1, std::memory_order_relaxed);
}

absl::Status RingTraffic::MakeRing(rt::ThreadState& thread, size_t worker, Prng& prng) {
  const int64_t length = prng.Between(1, kLongestRing);
  // relaxed: only has to be unique.
  const int64_t number = made_.fetch_add(length, std::memory_order_relaxed);
  if (static_cast<size_t>(number + length) > finalized_.size()) return absl::OkStatus();
  rt::Instance* const first = NewInstance(thread, number);
  rt::Instance* last = first;
  for (int64_t i = 1; i < length && last != nullptr; ++i) {
    rt::Instance* const next = NewInstance(thread, number + i);
    if (next != nullptr) rt::InstanceSet(thread, last, kNextSlot, rt::AsObject(next));
    if (last != first) rt::Decref(thread, rt::AsObject(last));
    last = next;
  }
  if (first == nullptr) return NoRingMemory();
  if (last != nullptr) rt::InstanceSet(thread, last, kNextSlot, rt::AsObject(first));
  if (last != nullptr && last != first) rt::Decref(thread, rt::AsObject(last));
  absl::Status status = last == nullptr ? NoRingMemory() : absl::OkStatus();
  if (status.ok() && prng.Chance(shape_.shared_per_mille, 1000)) {
    status = Entangle(thread, first, prng);
  }
  if (status.ok() && prng.Chance(shape_.weak_per_mille, 1000)) {
    rt::WeakReference* const weak =
        rt::WeakReferenceNew(thread, rt::AsObject(first), &NoteCallback, this);
    if (weak != nullptr) kept_[worker].push_back(weak);
  }
  rt::Decref(thread, rt::AsObject(first));
  return status;
}

rt::Instance* RingTraffic::NewInstance(rt::ThreadState& thread, int64_t number) {
  rt::Number* const value = rt::NumberNew(thread, number);
  if (value == nullptr) return nullptr;
  rt::Instance* const instance = rt::InstanceNew(thread, type_);
  if (instance != nullptr) {
    // relaxed: judged once the threads are joined.
    given_[static_cast<size_t>(number)].store(1, std::memory_order_relaxed);
    rt::InstanceSet(thread, instance, kNumberSlot, rt::AsObject(value));
  }
  rt::Decref(thread, rt::AsObject(value));
  return instance;
}

// Lets the ring go through one that another thread has left in the shared list,
// and takes its place there.
absl::Status RingTraffic::Entangle(rt::ThreadState& thread, rt::Instance* instance, Prng& prng) {
  const int64_t size = rt::ListSize(shared_);
  if (size < 4 * static_cast<int64_t>(shape_.worker_count)) {
    return rt::ListAppend(thread, shared_, rt::AsObject(instance)) ? absl::OkStatus()
                                                                   : NoRingMemory();
  }
  const int64_t index = prng.Between(0, size - 1);
  rt::Object* const other = rt::ListGet(thread, shared_, index);
  if (other == nullptr) return absl::OkStatus();
  rt::InstanceSet(thread, instance, kOtherSlot, other);
  rt::InstanceSet(thread, reinterpret_cast<rt::Instance*>(other), kOtherSlot,
                  rt::AsObject(instance));
  rt::Decref(thread, other);
  (void)rt::ListSet(thread, shared_, index, rt::AsObject(instance));
  return absl::OkStatus();
}

void RingTraffic::ReadSome(rt::ThreadState& thread, size_t worker, Prng& prng) {
  const std::vector<rt::WeakReference*>& kept = kept_[worker];
  if (kept.empty()) return;
  Read(thread, kept[prng.Below(kept.size())]);
  const size_t newest = std::min(kept.size(), kNewest);
  for (int i = 0; i < kReads; ++i) Read(thread, kept[kept.size() - 1 - prng.Below(newest)]);
}

void RingTraffic::Read(rt::ThreadState& thread, rt::WeakReference* weak) {
  rt::Object* const found = rt::WeakReferenceGet(thread, weak);
  if (found == nullptr) return;
  rt::Object* const number =
      rt::InstanceGet(thread, reinterpret_cast<rt::Instance*>(found), kNumberSlot);
  const bool right = number != nullptr && rt::NumberValue(number) >= 0 &&
                     // relaxed: what was written was drawn before.
                     rt::NumberValue(number) < made_.load(std::memory_order_relaxed);
  if (!right) wrong_referents_.fetch_add(1, std::memory_order_relaxed);
  rt::DecrefIfNotNull(thread, number);
  rt::Decref(thread, found);
}

void RingTraffic::DropShared(rt::ThreadState& thread) {
  if (shared_ != nullptr) rt::ListClear(thread, shared_);
}

void RingTraffic::DropSaved(rt::ThreadState& thread) {
  if (saved_ != nullptr) rt::ListClear(thread, saved_);
}

void RingTraffic::Drop(rt::ThreadState& thread) {
  if (shared_ != nullptr) rt::Decref(thread, rt::AsObject(shared_));
  if (saved_ != nullptr) rt::Decref(thread, rt::AsObject(saved_));
  if (type_ != nullptr) rt::Decref(thread, rt::AsObject(type_));
  shared_ = nullptr;
  saved_ = nullptr;
  type_ = nullptr;
}

void RingTraffic::Settle(rt::ThreadState& thread) {
  // relaxed, all: the threads are joined.
  const int64_t drawn = made_.exchange(0, std::memory_order_relaxed);
  const size_t made = std::min(static_cast<size_t>(drawn), finalized_.size());
  for (size_t i = 0; i < made; ++i) {
    const uint8_t given = given_[i].exchange(0, std::memory_order_relaxed);
    made_count_ += given;
    if (finalized_[i].exchange(0, std::memory_order_relaxed) != given) ++wrongly_finalized_;
  }
  for (std::vector<rt::WeakReference*>& kept : kept_) {
    for (rt::WeakReference* weak : kept) {
      rt::Object* const found = rt::WeakReferenceGet(thread, weak);
      if (found != nullptr) {
        ++outlived_;
        rt::Decref(thread, found);
      }
      rt::Decref(thread, rt::AsObject(weak));
      ++expected_callbacks_;
    }
    kept.clear();
  }
}

void RingTraffic::Judge(ViolationList& out) const {
  // relaxed, all: the threads are joined.
  Expect(out, "finalizers", "instances were not finalized exactly once", wrongly_finalized_);
  Expect(out, "finalizers", "finalizers saw a number that nobody wrote",
         foreign_numbers_.load(std::memory_order_relaxed));
  Expect(out, "weak-references", "weak references found something else",
         wrong_referents_.load(std::memory_order_relaxed));
  Expect(out, "weak-references", "weak references outlived their round's end", outlived_);
  Expect(out, "weak-references", "callbacks are missing or too many",
         expected_callbacks_ - callbacks_.load(std::memory_order_relaxed));
}

}  // namespace stressd::host
