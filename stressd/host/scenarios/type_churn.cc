// Type churn: heap types come and go while threads make instances of them.
//   Stresses   the counts of heap types, reuse of the ids they are counted under,
//              types that die with their last instance on any thread.
//   Method     `threads` threads share places for types and for instances. They
//              make types, make instances of types that others made, take a type
//              from an instance, and drop what comes out of the places.
//   Holds if   every instance is of the type it was made of, and each instance's
//              finalizer ran exactly once.
//   Exercises  per-thread counts, count ids, merge queues, finalizers, weakly referable
//              layouts, stop-the-world.

#include <cstdint>

#include "absl/strings/str_format.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/object_places.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// 16: safe points are frequent, stops of others do not wait.
constexpr int64_t kOperationsPerBreath = 16;
// Slot 0 names the type's tag, slot 1 may hold one older instance.
constexpr uint32_t kTagSlot = 0;
constexpr uint32_t kOlderSlot = 1;
constexpr uint32_t kSlotCount = 2;
// 32: types with different tags live at the same time.
constexpr size_t kTagCount = 32;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 12, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("operations", 1500, 1, 10'000'000, "Random operations per thread and round.",
                 ParameterCounts::kOperations),
    IntParameter("types", 12, 1, 10'000, "Places for types."),
    IntParameter("instances", 48, 1, 100'000, "Places for instances."),
    IntParameter("burst", 6, 1, 10'000, "Instances made of a type at a time, at most."),
};

class TypeChurn final : public RoundScenario {
 public:
  explicit TypeChurn(const Parameters& parameters)
      : RoundScenario(parameters, 2),
        operations_(parameters.GetInt("operations")),
        burst_(parameters.GetInt("burst")),
        types_(static_cast<size_t>(parameters.GetInt("types"))),
        instances_(static_cast<size_t>(parameters.GetInt("instances"))) {
    Require(rt::Counter::kTypesDestroyed, "no type was destroyed");
    Require(rt::Counter::kCountIdsAssigned, "no type was counted per thread");
    Require(rt::Counter::kCountIdsReleased, "no id of a count was given back");
  }

 private:
  // What the types with one tag have in common: their finalizer's context.
  struct Tag {
    TypeChurn* scenario;
    rt::Atomic<int64_t> made{0};
    rt::Atomic<int64_t> finalized{0};
  };

  absl::Status SetUp(ScenarioContext&) override {
    for (Tag& tag : tags_) tag.scenario = this;
    return absl::OkStatus();
  }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    rt::ScopedThreadState thread(context.interpreter());
    if (!thread) return NoMemory();
    for (int64_t i = 1; i <= operations_; ++i) {
      absl::Status status = WorkOnce(*thread, worker.prng);
      if (status.ok() && i % kOperationsPerBreath == 0) {
        context.progress().Count(kOperationsPerBreath);
        status = Breathe(*thread, worker.prng);
        if (status.ok() && context.ShouldStop()) break;
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status WorkOnce(rt::ThreadState& thread, Prng& prng) {
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

  absl::Status MakeType(rt::ThreadState& thread, Prng& prng) {
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

  absl::Status MakeInstances(rt::ThreadState& thread, Prng& prng) {
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

  absl::Status MakeInstance(rt::ThreadState& thread, rt::TypeObject* type, Prng& prng) {
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

  // Makes a type's last instance give it back to the places.
  void TakeTypeOfInstance(rt::ThreadState& thread, Prng& prng) {
    rt::Object* const instance = instances_.Swap(prng.Next(), nullptr);
    if (instance == nullptr) return;
    Inspect(thread, instance);
    rt::Object* const type = rt::AsObject(rt::TypeOf(instance));
    rt::Incref(thread, type);
    rt::Decref(thread, instance);
    types_.Put(thread, prng.Next(), type);
  }

  void Inspect(rt::ThreadState& thread, rt::Object* object) {
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

  static void CountFinalizer(rt::ObjectThread&, rt::Instance* instance, void* context) {
    Tag& tag = *static_cast<Tag*>(context);
    // relaxed, here and below: statistics, judged when no thread works any more.
    tag.finalized.fetch_add(1, std::memory_order_relaxed);
    if (rt::TypeOf(rt::AsObject(instance))->finalizer_context != context) {
      tag.scenario->wrong_types_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  // Types that several threads used die here, and their ids become free.
  absl::Status EndRound(ScenarioContext& context) override {
    return context.interpreter().Quiesce(context.main_thread()) ? absl::OkStatus() : WasShutDown();
  }

  void DropAll(ScenarioContext& context) override {
    instances_.DropAll(context.main_thread());
    types_.DropAll(context.main_thread());
  }

  void Conclude(ScenarioContext& context) override {
    // relaxed: no thread works any more.
    const int64_t wrong = wrong_types_.load(std::memory_order_relaxed);
    if (wrong != 0) {
      found().Add("instance-types",
                  absl::StrFormat("%d instances were not of the type they were made of", wrong));
    }
    for (const Tag& tag : tags_) {
      const int64_t made = tag.made.load(std::memory_order_relaxed);
      const int64_t finalized = tag.finalized.load(std::memory_order_relaxed);
      if (made == finalized) continue;
      found().Add("finalizers",
                  absl::StrFormat("of tag %d, %d instances were made and %d finalized",
                                  &tag - tags_, made, finalized));
    }
    context.Measure("types_count", Grown(rt::Counter::kTypesCreated));
    const int64_t indexed = indexed_.load(std::memory_order_relaxed);
    context.Measure("indexed_types_count", indexed);
    context.Measure("count_ids_count", Grown(rt::Counter::kCountIdsAssigned));
    if (indexed <= static_cast<int64_t>(rt::kReferenceTypeCount)) {
      found().AddUnreached("no stat index of a type was used again");
    }
  }

  const int64_t operations_;
  const int64_t burst_;
  ObjectPlaces types_;
  ObjectPlaces instances_;
  Tag tags_[kTagCount];
  rt::Atomic<int64_t> indexed_{0};
  rt::Atomic<int64_t> wrong_types_{0};
};

}  // namespace

extern const ScenarioDeclaration kTypeChurnDeclaration = {
    .name = "type-churn",
    .summary = "Heap types come and go while threads make instances of them.",
    .stresses =
        "the counts of heap types, reuse of the ids they are counted under, types that die with "
        "their last instance on any thread",
    .method =
        "`threads` threads share places for types and for instances. They make types, make "
        "instances of types that others made, take a type from an instance, and drop what comes "
        "out of the places.",
    .holds_if =
        "every instance is of the type it was made of, and each instance's finalizer ran exactly "
        "once",
    .exercises =
        "per-thread counts, count ids, merge queues, finalizers, weakly referable layouts, "
        "stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<TypeChurn>,
};

}  // namespace stressd::host
