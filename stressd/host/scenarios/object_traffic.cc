#include "stressd/host/scenarios/object_traffic.h"

#include "absl/strings/str_format.h"

namespace stressd::host {
namespace {

// 3: numbers, lists and instances of each other all fit.
constexpr uint32_t kInstanceSlots = 3;
// 8: inner lists grow through at least two capacities.
constexpr int kInnerListItems = 8;
// 16: short enough that a stop never waits long, long enough that threads are
// mostly between safe points.
constexpr int64_t kOperationsPerSafePoint = 16;

// The check digits of a number: its upper half is a hash of the lower.
int64_t NumberOf(uint32_t low) {
  const uint32_t high = (low ^ 0x5bd1e995u) * 0x9e3779b1u;
  return static_cast<int64_t>((static_cast<uint64_t>(high) << 32) | low);
}

absl::Status OutOfMemory() {
  return absl::ResourceExhaustedError("the runtime core is out of memory");
}

absl::Status ShutDown() { return absl::AbortedError("the thread state was shut down"); }

}  // namespace

ObjectTraffic::ObjectTraffic(const Shape& shape)
    : shape_(shape), slots_(static_cast<size_t>(shape.slot_count)) {}

absl::Status ObjectTraffic::Create(rt::ThreadState& thread) {
  type_ = rt::TypeNew(thread, {.name = "Traffic",
                               .slot_count = kInstanceSlots,
                               .finalizer = &CountFinalizer,
                               .finalizer_context = this});
  if (type_ == nullptr) return OutOfMemory();
  for (int i = 0; i < shape_.shared_list_count; ++i) {
    rt::List* const list = rt::ListNew(thread);
    if (list == nullptr) return OutOfMemory();
    lists_.push_back(list);
  }
  for (int i = 0; i < shape_.shared_instance_count; ++i) {
    rt::Instance* const instance = rt::InstanceNew(thread, type_);
    if (instance == nullptr) return OutOfMemory();
    // relaxed: a statistic, judged when no thread works any more.
    instances_made_.fetch_add(1, std::memory_order_relaxed);
    instances_.push_back(instance);
  }
  return absl::OkStatus();
}

ObjectTraffic::Holder& ObjectTraffic::NewHolder() {
  holders_.push_back(std::make_unique<Holder>());
  // One more than the limit: Hold() adds before it drops.
  holders_.back()->held_.reserve(static_cast<size_t>(shape_.held_limit) + 1);
  return *holders_.back();
}

absl::Status ObjectTraffic::Work(rt::ThreadState& thread, Holder& holder, Prng& prng,
                                 int64_t operation_count) {
  const int hand_over = shape_.hand_over_per_mille;
  const int detach = hand_over + shape_.detach_per_mille;
  const int stop = detach + shape_.stop_per_mille;
  for (int64_t i = 0; i < operation_count; ++i) {
    const int draw = static_cast<int>(prng.Below(1000));
    bool has_memory = true;
    if (draw < hand_over) {
      HandOver(thread, holder, prng);
    } else if (draw < detach) {
      rt::Detach(thread);
      if (!rt::Attach(thread)) return ShutDown();
    } else if (draw < stop) {
      if (!rt::StopTheWorld(thread, rt::StopScope::kInterpreter)) {
        return ShutDown();
      }
      rt::StartTheWorld(thread);
    } else {
      switch (prng.Below(6)) {
        case 0:
        case 1:
          has_memory = MakeObject(thread, holder, prng);
          break;
        case 2:
          has_memory = WriteShared(thread, holder, prng);
          break;
        case 3:
          ReadShared(thread, holder, prng);
          break;
        case 4:
          has_memory = WriteOwn(thread, holder, prng);
          break;
        default:
          DropOne(thread, holder, prng);
      }
    }
    if (!has_memory) return OutOfMemory();
    if (i % kOperationsPerSafePoint == 0 && !rt::SafePoint(thread)) {
      return ShutDown();
    }
  }
  return absl::OkStatus();
}

ObjectTraffic::Level ObjectTraffic::LevelOf(const rt::Object* object) {
  if (rt::IsNumber(object)) return Level::kNumber;
  return rt::IsList(object) ? Level::kList : Level::kInstance;
}

void ObjectTraffic::CountFinalizer(rt::ObjectThread&, rt::Instance*, void* traffic) {
  // relaxed: a statistic, judged when no thread works any more.
  static_cast<ObjectTraffic*>(traffic)->finalizers_run_.fetch_add(1, std::memory_order_relaxed);
}

bool ObjectTraffic::MakeObject(rt::ThreadState& thread, Holder& holder, Prng& prng) {
  const uint64_t kind = prng.Below(8);
  rt::Object* const object = kind < 5   ? MakeNumber(thread, prng)
                             : kind < 7 ? MakeList(thread, holder, prng)
                                        : MakeInstance(thread, holder, prng);
  if (object == nullptr) return false;
  Hold(thread, holder, object);
  return true;
}

bool ObjectTraffic::WriteShared(rt::ThreadState& thread, Holder& holder, Prng& prng) {
  if (!instances_.empty() && prng.Chance(1, 4)) {
    // Shared instances are of the same type as inner ones: only what is below
    // an instance may go into them.
    rt::InstanceSet(thread, instances_[prng.Below(instances_.size())],
                    static_cast<uint32_t>(prng.Below(kInstanceSlots)),
                    PickHeldBelow(holder, Level::kInstance, prng));
    return true;
  }
  if (lists_.empty()) return true;
  rt::List* const list = lists_[prng.Below(lists_.size())];
  const int64_t size = rt::ListSize(list);
  if (size >= shape_.list_limit) {
    rt::ListClear(thread, list);
    return true;
  }
  if (holder.held_.empty() || prng.Chance(1, 3)) {
    if (rt::Object* const popped = rt::ListPop(thread, list)) {
      Inspect(popped);
      Hold(thread, holder, popped);
    }
    return true;
  }
  rt::Object* const item = holder.held_[prng.Below(holder.held_.size())];
  if (size > 0 && prng.Chance(1, 3)) {
    // False: another thread made the list shorter. That is no failure.
    (void)rt::ListSet(thread, list, static_cast<int64_t>(prng.Below(static_cast<uint64_t>(size))),
                      item);
    return true;
  }
  return rt::ListAppend(thread, list, item);
}

bool ObjectTraffic::WriteOwn(rt::ThreadState& thread, Holder& holder, Prng& prng) {
  if (holder.held_.empty()) return true;
  rt::Object* const target = holder.held_[prng.Below(holder.held_.size())];
  const Level level = LevelOf(target);
  if (level == Level::kNumber) {
    Inspect(target);
    return true;
  }
  rt::Object* const item = PickHeldBelow(holder, level, prng);
  if (level == Level::kInstance) {
    rt::InstanceSet(thread, reinterpret_cast<rt::Instance*>(target),
                    static_cast<uint32_t>(prng.Below(kInstanceSlots)), item);
    return true;
  }
  rt::List* const list = reinterpret_cast<rt::List*>(target);
  if (rt::ListSize(list) >= kInnerListItems || item == nullptr) {
    rt::ListClear(thread, list);
    return true;
  }
  return rt::ListAppend(thread, list, item);
}

void ObjectTraffic::ReadShared(rt::ThreadState& thread, Holder& holder, Prng& prng) {
  rt::Object* found = nullptr;
  if (!instances_.empty() && prng.Chance(1, 4)) {
    found = rt::InstanceGet(thread, instances_[prng.Below(instances_.size())],
                            static_cast<uint32_t>(prng.Below(kInstanceSlots)));
  } else if (!lists_.empty()) {
    rt::List* const list = lists_[prng.Below(lists_.size())];
    const int64_t size = rt::ListSize(list);
    if (size == 0) return;
    found =
        rt::ListGet(thread, list, static_cast<int64_t>(prng.Below(static_cast<uint64_t>(size))));
  }
  if (found == nullptr) return;  // Empty, or shorter meanwhile.
  Inspect(found);
  if (prng.Chance(1, 4)) {
    Hold(thread, holder, found);
  } else {
    rt::Decref(thread, found);
  }
}

void ObjectTraffic::HandOver(rt::ThreadState& thread, Holder& holder, Prng& prng) {
  rt::Object* given = nullptr;
  if (!holder.held_.empty()) {
    const size_t index = prng.Below(holder.held_.size());
    given = holder.held_[index];
    holder.held_[index] = holder.held_.back();
    holder.held_.pop_back();
  }
  // (X1) acq_rel exchange, synchronizes with the exchange (X1) of another
  //      thread and with (X2): what it wrote into the object comes before we
  //      look at it.
  rt::Object* const taken =
      slots_[prng.Below(slots_.size())].exchange(given, std::memory_order_acq_rel);
  if (taken == nullptr) return;
  Inspect(taken);
  if (prng.Chance(1, 2)) {
    rt::Decref(thread, taken);
  } else {
    Hold(thread, holder, taken);
  }
}

void ObjectTraffic::DropOne(rt::ThreadState& thread, Holder& holder, Prng& prng) {
  if (holder.held_.empty()) return;
  const size_t index = prng.Below(holder.held_.size());
  rt::Object* const object = holder.held_[index];
  holder.held_[index] = holder.held_.back();
  holder.held_.pop_back();
  rt::Decref(thread, object);
}

rt::Object* ObjectTraffic::MakeNumber(rt::ThreadState& thread, Prng& prng) {
  rt::Number* const number = rt::NumberNew(thread, NumberOf(static_cast<uint32_t>(prng.Next())));
  return number == nullptr ? nullptr : rt::AsObject(number);
}

rt::Object* ObjectTraffic::MakeList(rt::ThreadState& thread, Holder& holder, Prng& prng) {
  rt::List* const list = rt::ListNew(thread, static_cast<int64_t>(prng.Below(kInnerListItems)));
  if (list == nullptr) return nullptr;
  for (uint64_t i = prng.Below(kInnerListItems); i > 0; --i) {
    rt::Object* const item = PickHeldBelow(holder, Level::kList, prng);
    if (item == nullptr) break;
    if (!rt::ListAppend(thread, list, item)) {
      rt::Decref(thread, rt::AsObject(list));
      return nullptr;
    }
  }
  return rt::AsObject(list);
}

rt::Object* ObjectTraffic::MakeInstance(rt::ThreadState& thread, Holder& holder, Prng& prng) {
  rt::Instance* const instance = rt::InstanceNew(thread, type_);
  if (instance == nullptr) return nullptr;
  // relaxed: a statistic, judged when no thread works any more.
  instances_made_.fetch_add(1, std::memory_order_relaxed);
  for (uint32_t slot = 0; slot < kInstanceSlots; ++slot) {
    rt::InstanceSet(thread, instance, slot, PickHeldBelow(holder, Level::kInstance, prng));
  }
  return rt::AsObject(instance);
}

rt::Object* ObjectTraffic::PickHeldBelow(const Holder& holder, Level level, Prng& prng) {
  if (holder.held_.empty()) return nullptr;
  const size_t start = prng.Below(holder.held_.size());
  for (size_t i = 0; i < holder.held_.size(); ++i) {
    rt::Object* const object = holder.held_[(start + i) % holder.held_.size()];
    if (LevelOf(object) < level) return object;
  }
  return nullptr;
}

void ObjectTraffic::Hold(rt::ThreadState& thread, Holder& holder, rt::Object* object) {
  holder.held_.push_back(object);
  if (holder.held_.size() <= static_cast<size_t>(shape_.held_limit)) return;
  rt::Object* const oldest = holder.held_.front();
  holder.held_.front() = holder.held_.back();
  holder.held_.pop_back();
  rt::Decref(thread, oldest);
}

void ObjectTraffic::Inspect(const rt::Object* object) {
  if (!rt::IsNumber(object)) return;
  const int64_t value = rt::NumberValue(object);
  if (value == NumberOf(static_cast<uint32_t>(value))) return;
  // relaxed: a statistic, judged when no thread works any more.
  wrong_values_.fetch_add(1, std::memory_order_relaxed);
}

void ObjectTraffic::Drop(rt::ThreadState& thread, Holder& holder) {
  while (!holder.held_.empty()) {
    rt::Object* const object = holder.held_.back();
    holder.held_.pop_back();
    rt::Decref(thread, object);
  }
}

void ObjectTraffic::DropHeld(rt::ThreadState& thread) {
  for (const auto& holder : holders_) Drop(thread, *holder);
}

void ObjectTraffic::DropShared(rt::ThreadState& thread) {
  for (rt::Atomic<rt::Object*>& slot : slots_) {
    // (X2) acquire exchange, synchronizes with the exchange (X1) in HandOver().
    rt::DecrefIfNotNull(thread, slot.exchange(nullptr, std::memory_order_acquire));
  }
  for (rt::List* const list : lists_) rt::Decref(thread, rt::AsObject(list));
  lists_.clear();
  for (rt::Instance* const instance : instances_) {
    rt::Decref(thread, rt::AsObject(instance));
  }
  instances_.clear();
  if (type_ == nullptr) return;
  rt::Decref(thread, rt::AsObject(type_));
  type_ = nullptr;
}

void ObjectTraffic::Judge(ViolationList& out) const {
  // relaxed: no thread works any more.
  const int64_t wrong = wrong_values_.load(std::memory_order_relaxed);
  if (wrong != 0) {
    out.Add("object-values",
            absl::StrFormat("%d numbers did not hold what they were made with", wrong));
  }
  if (instances_made() != finalizers_run()) {
    out.Add("finalizers", absl::StrFormat("%d instances were made and %d finalizers ran",
                                          instances_made(), finalizers_run()));
  }
}

int64_t ObjectTraffic::instances_made() const {
  // relaxed: a statistic, orders nothing.
  return instances_made_.load(std::memory_order_relaxed);
}

int64_t ObjectTraffic::finalizers_run() const {
  // relaxed: a statistic, orders nothing.
  return finalizers_run_.load(std::memory_order_relaxed);
}

}  // namespace stressd::host
