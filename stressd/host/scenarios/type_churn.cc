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

#include "runtime/runtime.h"
#include "stressd/host/scenarios/round_scenario.h"
#include "stressd/host/scenarios/type_traffic.h"

namespace stressd::host {
namespace {

// 16: safe points are frequent, stops of others do not wait.
constexpr int64_t kOperationsPerBreath = 16;

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
        traffic_(static_cast<size_t>(parameters.GetInt("types")),
                 static_cast<size_t>(parameters.GetInt("instances")), parameters.GetInt("burst")) {
    Require(rt::Counter::kTypesDestroyed, "no type was destroyed");
    Require(rt::Counter::kCountIdsAssigned, "no type was counted per thread");
    Require(rt::Counter::kCountIdsReleased, "no id of a count was given back");
  }

 private:
  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    rt::ScopedThreadState thread(context.interpreter());
    if (!thread) return NoMemory();
    for (int64_t i = 1; i <= operations_; ++i) {
      absl::Status status = traffic_.WorkOnce(*thread, worker.prng);
      if (status.ok() && i % kOperationsPerBreath == 0) {
        context.progress().Count(kOperationsPerBreath);
        status = Breathe(*thread, worker.prng);
        if (status.ok() && context.ShouldStop()) break;
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Types that several threads used die here, and their ids become free.
  absl::Status EndRound(ScenarioContext& context) override {
    return context.interpreter().Quiesce(context.main_thread()) ? absl::OkStatus() : WasShutDown();
  }

  void DropAll(ScenarioContext& context) override { traffic_.DropAll(context); }

  void Conclude(ScenarioContext& context) override {
    traffic_.Judge(found());
    context.Measure("types_count", Grown(rt::Counter::kTypesCreated));
    const int64_t indexed = traffic_.indexed_count();
    context.Measure("indexed_types_count", indexed);
    context.Measure("count_ids_count", Grown(rt::Counter::kCountIdsAssigned));
    if (indexed <= static_cast<int64_t>(rt::kReferenceTypeCount)) {
      found().AddUnreached("no stat index of a type was used again");
    }
  }

  const int64_t operations_;
  TypeTraffic traffic_;
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
