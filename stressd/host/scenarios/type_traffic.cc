#include "stressd/host/scenarios/type_traffic.h"

#include "absl/strings/str_format.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

constexpr uint32_t kTagSlot = 0;
constexpr uint32_t kOlderSlot = 1;
constexpr uint32_t kSlotCount = 2;

}  // namespace

TypeTraffic::TypeTraffic(size_t type_places, size_t instance_places, int64_t burst)
    : burst_(burst), types_(type_places), instances_(instance_places) {
  for (Tag& tag : tags_) tag.traffic = this;
}

absl::Status TypeTraffic::WorkOnce(rt::ThreadState& thread, Prng& prng) {
  switch (prng.Below(4)) {
    case 0:
      return MakeType(thread, prng);
    case 1:
      return MakeInstances(thread, prng);
    case 2:
      TakeTypeOfInstance(thread, prng);
      return absl::OkStatus();
    default:
      if (rt::Object* const instance = instances_.Swap(prng.Next(), nullptr)) {
        Inspect(thread, instance);
        rt::Decref(thread, instance);
      }
      return absl::OkStatus();
  }
}

absl::Status TypeTraffic::MakeType(rt::ThreadState& thread, Prng& prng) {
  rt::TypeObject* const type =
      rt::TypeNew(thread, {.name = "Churned",
                           .slot_count = kSlotCount,
                           .finalizer = &CountFinalizer,
                           .finalizer_context = &tags_[prng.Below(kTagCount)],
                           .weakly_referable = prng.Chance(1, 4)});
  if (type == nullptr) return NoMemory();
  // relaxed: statistics, judged when no thread works any more.
  if (type->stat_index != rt::kStatIndexOther) indexed_.fetch_add(1, std::memory_order_relaxed);
  types_.Put(thread, prng.Next(), rt::AsObject(type));
  return absl::OkStatus();
}

absl::Status TypeTraffic::MakeInstances(rt::ThreadState& thread, Prng& prng) {
  rt::Object* const object = types_.Swap(prng.Next(), nullptr);
  if (object == nullptr) return MakeType(thread, prng);
  auto* const type = reinterpret_cast<rt::TypeObject*>(object);
  absl::Status status;
  for (int64_t i = prng.Between(1, burst_); status.ok() && i > 0; --i) {
    status = MakeInstance(thread, type, prng);
  }
  // Now and then the type lives on in its instances alone.
  if (prng.Chance(1, 4)) {
    rt::Decref(thread, object);
  } else {
    types_.Put(thread, prng.Next(), object);
  }
  return status;
}

absl::Status TypeTraffic::MakeInstance(rt::ThreadState& thread, rt::TypeObject* type, Prng& prng) {
  Tag& tag = *static_cast<Tag*>(type->finalizer_context);
  rt::Number* const number = rt::NumberNew(thread, &tag - tags_);
  if (number == nullptr) return NoMemory();
  rt::Instance* const instance = rt::InstanceNew(thread, type);
  if (instance != nullptr) {
    // relaxed: a statistic, judged when no thread works any more.
    tag.made.fetch_add(1, std::memory_order_relaxed);
    rt::InstanceSet(thread, instance, kTagSlot, rt::AsObject(number));
  }
  rt::Decref(thread, rt::AsObject(number));
  if (instance == nullptr) return NoMemory();
  rt::Object* const older = prng.Chance(1, 4) ? instances_.Swap(prng.Next(), nullptr) : nullptr;
  if (older != nullptr) {
    // One level: chains would grow for ever.
    auto* const held = reinterpret_cast<rt::Instance*>(older);
    rt::InstanceSet(thread, held, kOlderSlot, nullptr);
    rt::InstanceSet(thread, instance, kOlderSlot, older);
    rt::Decref(thread, older);
  }
  if (rt::Object* const replaced = instances_.Swap(prng.Next(), rt::AsObject(instance))) {
    Inspect(thread, replaced);
    rt::Decref(thread, replaced);
  }
  return absl::OkStatus();
}

void TypeTraffic::TakeTypeOfInstance(rt::ThreadState& thread, Prng& prng) {
  rt::Object* const instance = instances_.Swap(prng.Next(), nullptr);
  if (instance == nullptr) return;
  Inspect(thread, instance);
  rt::Object* const type = rt::AsObject(rt::TypeOf(instance));
  rt::Incref(thread, type);
  rt::Decref(thread, instance);
  types_.Put(thread, prng.Next(), type);
}

void TypeTraffic::Inspect(rt::ThreadState& thread, rt::Object* object) {
  rt::Object* const number =
      rt::InstanceGet(thread, reinterpret_cast<rt::Instance*>(object), kTagSlot);
  const int64_t index = number != nullptr && rt::IsNumber(number) ? rt::NumberValue(number) : -1;
  const void* const context = rt::TypeOf(object)->finalizer_context;
  if (index < 0 || index >= static_cast<int64_t>(kTagCount) || context != &tags_[index]) {
    // relaxed: a statistic, judged when no thread works any more.
    wrong_types_.fetch_add(1, std::memory_order_relaxed);
  }
  rt::DecrefIfNotNull(thread, number);
}

void TypeTraffic::CountFinalizer(rt::ObjectThread&, rt::Instance* instance, void* context) {
  Tag& tag = *static_cast<Tag*>(context);
  // relaxed, here and below: statistics, judged when no thread works any more.
  tag.finalized.fetch_add(1, std::memory_order_relaxed);
  if (rt::TypeOf(rt::AsObject(instance))->finalizer_context != context) {
    tag.traffic->wrong_types_.fetch_add(1, std::memory_order_relaxed);
  }
}

void TypeTraffic::DropAll(ScenarioContext& context) {
  instances_.DropAll(context.main_thread());
  types_.DropAll(context.main_thread());
}

void TypeTraffic::Judge(ViolationList& out) {
  // relaxed: no thread works any more.
  const int64_t wrong = wrong_types_.exchange(0, std::memory_order_relaxed);
  if (wrong != 0) {
    out.Add("instance-types",
            absl::StrFormat("%d instances were not of the type they were made of", wrong));
  }
  for (const Tag& tag : tags_) {
    const int64_t made = tag.made.load(std::memory_order_relaxed);
    const int64_t finalized = tag.finalized.load(std::memory_order_relaxed);
    if (made == finalized) continue;
    out.Add("finalizers", absl::StrFormat("of tag %d, %d instances were made and %d finalized",
                                          &tag - tags_, made, finalized));
  }
}

}  // namespace stressd::host
