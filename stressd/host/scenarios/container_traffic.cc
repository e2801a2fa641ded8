#include "stressd/host/scenarios/container_traffic.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "stressd/host/scenarios/marked_number.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// 4096: the low bits that say where a number belongs; more than any index here.
constexpr uint32_t kIndexMask = 4095;
// 300: a list passes a dozen capacities on its way up.
constexpr int64_t kListLimit = 300;
constexpr int64_t kKeyCount = 48;
// The index of the value of an entry whose key is a list.
constexpr int64_t kOwnKeyIndex = 4000;
constexpr uint32_t kSlotCount = 4;

// A new reference to a number that belongs at `index`, or null.
rt::Object* NumberAt(rt::ThreadState& thread, int64_t index, Prng& prng) {
  const auto low =
      (static_cast<uint32_t>(prng.Next()) & ~kIndexMask) | static_cast<uint32_t>(index);
  rt::Number* const number = rt::NumberNew(thread, MarkedNumber(low));
  return number == nullptr ? nullptr : rt::AsObject(number);
}

bool BelongsAt(const rt::Object* object, int64_t index) {
  if (!rt::IsNumber(object)) return false;
  const int64_t value = rt::NumberValue(object);
  return IsMarkedNumber(value) && (static_cast<uint32_t>(value) & kIndexMask) == index;
}

}  // namespace

absl::Status ContainerTraffic::Create(ScenarioContext& context) {
  rt::ThreadState& main = context.main_thread();
  bool made = true;
  for (rt::List*& list : lists_) {
    if (list == nullptr) list = rt::ListNew(main);
    made = made && list != nullptr;
  }
  for (rt::Dict*& dict : dicts_) {
    if (dict != nullptr) continue;
    dict = rt::DictNew(main);
    made = made && dict != nullptr;
    if (&dict == dicts_ && dict != nullptr) rt::DictCountPerThread(main, dict);
  }
  if (type_ == nullptr) type_ = rt::TypeNew(main, {.name = "Slots", .slot_count = kSlotCount});
  if (type_ == nullptr) return NoMemory();
  for (rt::Instance*& instance : instances_) {
    if (instance == nullptr) instance = rt::InstanceNew(main, type_);
    made = made && instance != nullptr;
  }
  return made ? absl::OkStatus() : NoMemory();
}

absl::Status ContainerTraffic::Operate(TrafficThread& thread) {
  rt::ThreadState& state = thread.state;
  Prng& prng = thread.prng;
  bool has_memory = true;
  switch (prng.Below(12)) {
    case 0:
    case 1:
      has_memory = WriteList(state, lists_[thread.worker], prng);
      break;
    case 2:
    case 3:
    case 4:
      ReadList(state, prng);
      break;
    case 5:
      has_memory = WriteDict(state, prng);
      break;
    case 6:
      ReadDict(state, prng);
      break;
    case 7:
      WalkDict(state, prng);
      break;
    case 8:
      has_memory = UseOwnKey(state, prng);
      break;
    case 9:
      CountDict(state, prng);
      break;
    case 10:
      has_memory = WriteSlot(state, prng);
      break;
    default:
      if (prng.Chance(1, 4)) {
        has_memory = MakeCycle(state);
      } else {
        ReadSlot(state, prng);
      }
  }
  return has_memory ? absl::OkStatus() : NoMemory();
}

// The owner's part: nobody else writes `list`.
bool ContainerTraffic::WriteList(rt::ThreadState& thread, rt::List* list, Prng& prng) {
  const int64_t size = rt::ListSize(list);
  if (size >= kListLimit || prng.Chance(1, 128)) {
    rt::ListClear(thread, list);
    return true;
  }
  if (size > 0 && prng.Chance(1, 3)) {
    for (int64_t left = prng.Between(1, std::min<int64_t>(size, 24)); left > 0; --left) {
      const int64_t last = rt::ListSize(list) - 1;
      Inspect(thread, rt::ListPop(thread, list), last);
    }
    return true;
  }
  for (int64_t left = prng.Between(1, 16); left > 0; --left) {
    const bool appends = size == 0 || prng.Chance(1, 2);
    const int64_t index = appends ? rt::ListSize(list) : prng.Between(0, size - 1);
    rt::Object* const number = NumberAt(thread, index, prng);
    if (number == nullptr) return false;
    const bool done =
        appends ? rt::ListAppend(thread, list, number) : rt::ListSet(thread, list, index, number);
    rt::Decref(thread, number);
    if (!done) return false;
  }
  return true;
}

void ContainerTraffic::ReadList(rt::ThreadState& thread, Prng& prng) {
  rt::List* const list = lists_[prng.Below(lists_.size())];
  for (int64_t left = 8; left > 0; --left) {
    const int64_t size = rt::ListSize(list);
    // Often the last one, where the list grows and shrinks.
    const int64_t index = prng.Chance(1, 2) ? size - 1 : prng.Between(0, kListLimit);
    if (index >= 0) Inspect(thread, rt::ListGet(thread, list, index), index);
  }
}

bool ContainerTraffic::WriteDict(rt::ThreadState& thread, Prng& prng) {
  rt::Dict* const dict = dicts_[prng.Below(kDictCount)];
  if (prng.Chance(1, 64)) {
    rt::DictClear(thread, dict);
    return true;
  }
  const int64_t index = prng.Between(0, kKeyCount - 1);
  rt::Number* const key = rt::NumberNew(thread, index);
  if (key == nullptr) return false;
  bool done = true;
  if (prng.Chance(1, 3)) {
    (void)rt::DictDelete(thread, dict, rt::AsObject(key));
  } else {
    rt::Object* const value = NumberAt(thread, index, prng);
    done = value != nullptr && rt::DictSet(thread, dict, rt::AsObject(key), value);
    rt::DecrefIfNotNull(thread, value);
  }
  rt::Decref(thread, rt::AsObject(key));
  return done;
}

void ContainerTraffic::ReadDict(rt::ThreadState& thread, Prng& prng) {
  rt::Dict* const dict = dicts_[prng.Below(kDictCount)];
  for (int64_t left = 4; left > 0; --left) {
    const int64_t index = prng.Between(0, kKeyCount - 1);
    rt::Number* const key = rt::NumberNew(thread, index);
    if (key == nullptr) return;
    Inspect(thread, rt::DictGet(thread, dict, rt::AsObject(key)), index);
    rt::Decref(thread, rt::AsObject(key));
  }
}

void ContainerTraffic::WalkDict(rt::ThreadState& thread, Prng& prng) {
  rt::Dict* const dict = dicts_[prng.Below(kDictCount)];
  int64_t position = 0;
  rt::Object* key = nullptr;
  rt::Object* value = nullptr;
  while (rt::DictNext(thread, dict, &position, &key, &value)) {
    const int64_t index = rt::IsNumber(key) ? rt::NumberValue(key) : kOwnKeyIndex;
    Inspect(thread, value, index);
    rt::Decref(thread, key);
  }
}

// An entry under a key of its own, which dies when the entry is gone.
bool ContainerTraffic::UseOwnKey(rt::ThreadState& thread, Prng& prng) {
  rt::Dict* const dict = dicts_[prng.Below(kDictCount)];
  rt::List* const key = rt::ListNew(thread);
  if (key == nullptr) return false;
  rt::Object* const value = NumberAt(thread, kOwnKeyIndex, prng);
  bool done = value != nullptr && rt::DictSet(thread, dict, rt::AsObject(key), value);
  if (done) {
    rt::Object* const found = rt::DictGet(thread, dict, rt::AsObject(key));
    // Null: another thread has cleared the dict.
    if (found != nullptr && found != value) wrong_items_.fetch_add(1, std::memory_order_relaxed);
    rt::DecrefIfNotNull(thread, found);
    (void)rt::DictDelete(thread, dict, rt::AsObject(key));
  }
  rt::DecrefIfNotNull(thread, value);
  rt::Decref(thread, rt::AsObject(key));
  return done;
}

void ContainerTraffic::CountDict(rt::ThreadState& thread, Prng& prng) {
  // relaxed, all: a number of references that nobody holds; the dict lives anyway.
  if (prng.Chance(1, 2)) {
    rt::IncrefDict(thread, dicts_[0]);
    dict_references_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  int64_t count = dict_references_.load(std::memory_order_relaxed);
  while (count > 0 && !dict_references_.compare_exchange_weak(
                          count, count - 1, std::memory_order_relaxed, std::memory_order_relaxed)) {
  }
  if (count > 0) rt::DecrefDict(thread, dicts_[0]);
}

bool ContainerTraffic::WriteSlot(rt::ThreadState& thread, Prng& prng) {
  const auto slot = static_cast<uint32_t>(prng.Below(kSlotCount));
  rt::Object* const number = prng.Chance(1, 4) ? nullptr : NumberAt(thread, slot, prng);
  rt::InstanceSet(thread, instances_[prng.Below(kInstanceCount)], slot, number);
  rt::DecrefIfNotNull(thread, number);
  return true;
}

void ContainerTraffic::ReadSlot(rt::ThreadState& thread, Prng& prng) {
  for (uint32_t slot = 0; slot < kSlotCount; ++slot) {
    rt::Instance* const instance = instances_[prng.Below(kInstanceCount)];
    Inspect(thread, rt::InstanceGet(thread, instance, slot), slot);
  }
}

bool ContainerTraffic::MakeCycle(rt::ThreadState& thread) {
  rt::List* const list = rt::ListNew(thread);
  rt::Dict* const dict = rt::DictNew(thread);
  rt::Tuple* tuple = nullptr;
  bool done = list != nullptr && dict != nullptr;
  if (done) {
    rt::Object* const items[] = {rt::AsObject(list), rt::AsObject(dict)};
    tuple = rt::TupleNew(thread, items, 2);
    done = tuple != nullptr && rt::ListAppend(thread, list, rt::AsObject(tuple)) &&
           rt::DictSet(thread, dict, rt::AsObject(tuple), rt::AsObject(list));
  }
  if (tuple != nullptr) rt::Decref(thread, rt::AsObject(tuple));
  if (dict != nullptr) rt::Decref(thread, rt::AsObject(dict));
  if (list != nullptr) rt::Decref(thread, rt::AsObject(list));
  return done;
}

void ContainerTraffic::Inspect(rt::ThreadState& thread, rt::Object* found, int64_t index) {
  if (found == nullptr) return;
  // relaxed: a statistic, judged when no thread works any more.
  if (!BelongsAt(found, index)) wrong_items_.fetch_add(1, std::memory_order_relaxed);
  rt::Decref(thread, found);
}

void ContainerTraffic::DropAll(ScenarioContext& context) {
  rt::ThreadState& main = context.main_thread();
  // relaxed: no thread works any more.
  for (int64_t left = dict_references_.exchange(0, std::memory_order_relaxed); left > 0; --left) {
    rt::DecrefDict(main, dicts_[0]);
  }
  const auto drop = [&main](auto*& object) {
    if (object != nullptr) rt::Decref(main, rt::AsObject(object));
    object = nullptr;
  };
  for (rt::List*& list : lists_) drop(list);
  for (rt::Dict*& dict : dicts_) drop(dict);
  for (rt::Instance*& instance : instances_) drop(instance);
  drop(type_);
}

void ContainerTraffic::Judge(ViolationList& out) {
  // relaxed: no thread works any more.
  const int64_t wrong = wrong_items_.exchange(0, std::memory_order_relaxed);
  if (wrong == 0) return;
  out.Add("container-items",
          absl::StrFormat("%d times a container held something else than was put there", wrong));
}

}  // namespace stressd::host
