// Count handover: counts that two threads change at once, and owners that are
// away.
//   Stresses   owner and foreign increments, decrements and merges of one object,
//              queues of owners that are detached, owners that exit with a full
//              queue, destructors that queue more.
//   Method     `threads` threads live `lives` lives each; in a life they keep one
//              reference to what they make and give another away, drop and count
//              what others gave, and merge what they share explicitly. Every
//              fourth thread blocks detached until others have dropped more. At
//              the end of a life everything is given away and the owner leaves.
//   Holds if   every number read is what was written and every instance's
//              finalizer ran exactly once.
//   Exercises  biased reference counting, merge queues, explicit merge, exit of
//              owners, finalizers, stop-the-world.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"
#include "runtime/base/futex.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/object_space.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/marked_number.h"
#include "stressd/host/scenarios/object_places.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

constexpr int64_t kOperationsPerBreath = 16;
// 4: most threads work while some block.
constexpr int kBlockingOneIn = 4;
// A blocked owner comes back after so many drops by others, or after 2 ms when
// too few threads are left to make them.
constexpr uint32_t kDropsPerBlock = 64;
constexpr int64_t kLongestBlockNs = 2'000'000;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 2, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 6, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("lives", 6, 1, 1'000'000, "Thread states per OS thread and round."),
    IntParameter("operations", 500, 1, 10'000'000, "Random operations per life.",
                 ParameterCounts::kOperations),
    IntParameter("held", 48, 1, 100'000, "Own objects a thread keeps at most."),
    IntParameter("places", 64, 1, 100'000, "Places through which references are given away."),
    IntParameter("block_per_mille", 4, 0, 1000,
                 "Of 1000 operations of a thread that blocks, how many block."),
};

class CountHandover final : public RoundScenario {
 public:
  explicit CountHandover(const Parameters& parameters)
      : RoundScenario(parameters, 2),
        lives_(parameters.GetInt("lives")),
        operations_(parameters.GetInt("operations")),
        held_limit_(static_cast<size_t>(parameters.GetInt("held"))),
        block_per_mille_(static_cast<uint64_t>(parameters.GetInt("block_per_mille"))),
        places_(static_cast<size_t>(parameters.GetInt("places"))) {
    Require(rt::Counter::kObjectsQueued, "no object was queued for its owner");
    Require(rt::Counter::kObjectsMergedFromQueue, "no owner merged its queue");
    Require(rt::Counter::kObjectsMergedForeign, "no object of an owner that had left was merged");
    Require(rt::Counter::kExplicitMerges, "no object was merged explicitly");
    if (block_per_mille_ == 0) return;
    Require(rt::Counter::kObjectsMergedForDetached, "no object of a blocked owner was merged");
  }

 private:
  using Held = std::vector<rt::Object*>;  // Objects of ours, a reference to each.

  absl::Status BeginRound(ScenarioContext& context) override {
    if (type_ != nullptr) return absl::OkStatus();
    type_ = rt::TypeNew(context.main_thread(), {.name = "Handed",
                                                .slot_count = 1,
                                                .finalizer = &CountFinalizer,
                                                .finalizer_context = this});
    return type_ == nullptr ? NoMemory() : absl::OkStatus();
  }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    for (int64_t life = 0; life < lives_; ++life) {
      const absl::Status status = Live(context, worker);
      if (!status.ok()) return status;
      if (context.ShouldStop()) break;
    }
    return absl::OkStatus();
  }

  absl::Status Live(ScenarioContext& context, Worker& worker) {
    rt::ScopedThreadState thread(context.interpreter());
    if (!thread) return NoMemory();
    Held held;
    absl::Status status;
    for (int64_t i = 1; status.ok() && i <= operations_; ++i) {
      if (!WorkOnce(*thread, held, worker.prng)) status = NoMemory();
      const bool blocks = worker.index % kBlockingOneIn == 0;
      if (status.ok() && blocks && worker.prng.Below(1000) < block_per_mille_) {
        status = Block(*thread);
      }
      if (!status.ok() || i % kOperationsPerBreath != 0) continue;
      context.progress().Count(kOperationsPerBreath);
      status =
          worker.prng.Chance(1, 32) ? MeasureQueues(*thread) : Breathe(*thread, worker.prng, 64);
      if (context.ShouldStop()) break;
    }
    if (absl::IsAborted(status)) return status;
    // No safe point from here on: what others queue meanwhile is for the exit.
    for (rt::Object* const object : held) places_.Put(*thread, worker.prng.Next(), object);
    return status;
  }

  // One operation. False when memory ran out.
  bool WorkOnce(rt::ThreadState& thread, Held& held, Prng& prng) {
    if (prng.Chance(1, 64)) Dawdle();
    switch (prng.Below(6)) {
      case 0:
      case 1:
        return MakeAndShare(thread, held, prng);
      case 2:
        DropOne(thread, prng);
        return true;
      case 3:
        CountUpAndDown(thread, prng);
        return true;
      case 4:
        if (!held.empty()) MergeOne(thread, held, prng);
        return true;
      default:
        if (!held.empty()) rt::Decref(thread, TakeHeld(held, prng));
        return true;
    }
  }

  bool MakeAndShare(rt::ThreadState& thread, Held& held, Prng& prng) {
    rt::Object* const object = Make(thread, prng);
    if (object == nullptr) return false;
    rt::Incref(thread, object);
    Put(thread, prng, object);
    held.push_back(object);
    if (held.size() > held_limit_) rt::Decref(thread, TakeHeld(held, prng));
    return true;
  }

  rt::Object* Make(rt::ThreadState& thread, Prng& prng) {
    rt::Number* const number =
        rt::NumberNew(thread, MarkedNumber(static_cast<uint32_t>(prng.Next())));
    if (number == nullptr) return nullptr;
    rt::Object* const made = rt::AsObject(number);
    if (!prng.Chance(1, 4)) return made;
    rt::Instance* const instance = rt::InstanceNew(thread, type_);
    if (instance != nullptr) {
      // relaxed: a statistic, judged when no thread works any more.
      instances_made_.fetch_add(1, std::memory_order_relaxed);
      // An object of another thread, so that our death queues for that one.
      rt::Object* const other = places_.Swap(prng.Next(), nullptr);
      const bool fits = other != nullptr && rt::IsNumber(other);
      rt::InstanceSet(thread, instance, 0, fits ? other : made);
      rt::DecrefIfNotNull(thread, other);
    }
    rt::Decref(thread, made);
    return instance == nullptr ? nullptr : rt::AsObject(instance);
  }

  void DropOne(rt::ThreadState& thread, Prng& prng) {
    rt::Object* const object = places_.Swap(prng.Next(), nullptr);
    if (object == nullptr) return;
    Inspect(object);
    rt::Decref(thread, object);
    NoteDrop();
  }

  void CountUpAndDown(rt::ThreadState& thread, Prng& prng) {
    rt::Object* const object = places_.Swap(prng.Next(), nullptr);
    if (object == nullptr) return;
    const int64_t turns = prng.Between(1, 8);
    for (int64_t i = 0; i < turns; ++i) rt::Incref(thread, object);
    Inspect(object);
    for (int64_t i = 0; i < turns; ++i) rt::Decref(thread, object);
    Put(thread, prng, object);
  }

  // Takes the ownership off an object that others may drop at the same moment.
  static void MergeOne(rt::ThreadState& thread, Held& held, Prng& prng) {
    rt::Object* const object = TakeHeld(held, prng);
    // Our reference keeps the count above 0.
    (void)rt::ExplicitMerge(thread, object, 0);
    rt::Decref(thread, object);
  }

  void Put(rt::ThreadState& thread, Prng& prng, rt::Object* object) {
    rt::Object* const replaced = places_.Swap(prng.Next(), object);
    if (replaced == nullptr) return;
    Inspect(replaced);
    rt::Decref(thread, replaced);
    NoteDrop();
  }

  static rt::Object* TakeHeld(Held& held, Prng& prng) {
    const size_t index = prng.Below(held.size());
    std::swap(held[index], held.back());
    rt::Object* const object = held.back();
    held.pop_back();
    return object;
  }

  void NoteDrop() {
    // relaxed: only the number counts.
    const uint32_t before = drops_.fetch_add(1, std::memory_order_relaxed);
    if (before % kDropsPerBlock == 0) rt::FutexWake(&drops_, -1);
  }

  // Is away, as in a call that blocks, while others queue for this thread.
  absl::Status Block(rt::ThreadState& thread) {
    rt::ScopedDetach detached(thread);
    // relaxed: only the number counts.
    const uint32_t start = drops_.load(std::memory_order_relaxed);
    uint32_t now = start;
    while (now - start < kDropsPerBlock) {
      if (rt::FutexWait(drops_, now, kLongestBlockNs) == rt::FutexResult::kTimedOut) break;
      now = drops_.load(std::memory_order_relaxed);
    }
    return detached.End() ? absl::OkStatus() : WasShutDown();
  }

  absl::Status MeasureQueues(rt::ThreadState& thread) {
    if (!rt::StopTheWorld(thread, rt::StopScope::kInterpreter)) return WasShutDown();
    queued_peak_ = std::max(queued_peak_,
                            static_cast<int64_t>(rt::QueuedObjectCountWorldStopped(*thread.space)));
    rt::StartTheWorld(thread);
    return absl::OkStatus();
  }

  void Inspect(rt::Object* object) {
    if (!rt::IsNumber(object) || IsMarkedNumber(rt::NumberValue(object))) return;
    // relaxed: a statistic, judged when no thread works any more.
    wrong_values_.fetch_add(1, std::memory_order_relaxed);
  }

  static void CountFinalizer(rt::ObjectThread&, rt::Instance*, void* context) {
    // relaxed: a statistic, judged when no thread works any more.
    static_cast<CountHandover*>(context)->finalizers_run_.fetch_add(1, std::memory_order_relaxed);
  }

  void DropAll(ScenarioContext& context) override {
    places_.DropAll(context.main_thread());
    if (type_ != nullptr) rt::Decref(context.main_thread(), rt::AsObject(type_));
  }

  void Conclude(ScenarioContext& context) override {
    // relaxed: no thread works any more.
    const int64_t wrong = wrong_values_.load(std::memory_order_relaxed);
    const int64_t made = instances_made_.load(std::memory_order_relaxed);
    const int64_t finalized = finalizers_run_.load(std::memory_order_relaxed);
    if (wrong != 0) {
      found().Add("object-values",
                  absl::StrFormat("%d numbers did not hold what they were made with", wrong));
    }
    if (made != finalized) {
      found().Add("finalizers",
                  absl::StrFormat("%d instances were made and %d finalizers ran", made, finalized));
    }
    context.Measure("queued_peak_count", queued_peak_);
  }

  const int64_t lives_;
  const int64_t operations_;
  const size_t held_limit_;
  const uint64_t block_per_mille_;
  ObjectPlaces places_;
  rt::TypeObject* type_ = nullptr;
  int64_t queued_peak_ = 0;  // Written in stops only.
  rt::Atomic<uint32_t> drops_{0};
  rt::Atomic<int64_t> instances_made_{0};
  rt::Atomic<int64_t> finalizers_run_{0};
  rt::Atomic<int64_t> wrong_values_{0};
};

}  // namespace

extern const ScenarioDeclaration kCountHandoverDeclaration = {
    .name = "count-handover",
    .summary = "Owners and others change the same counts, also while the owner is away.",
    .stresses =
        "owner and foreign increments, decrements and merges of one object, queues of owners that "
        "are detached, owners that exit with a full queue, destructors that queue more",
    .method =
        "`threads` threads live `lives` lives each; in a life they keep one reference to what they "
        "make and give another away, drop and count what others gave, and merge what they share "
        "explicitly. Every fourth thread blocks detached until others have dropped more. At the "
        "end of a life everything is given away and the owner leaves.",
    .holds_if =
        "every number read is what was written and every instance's finalizer ran exactly once",
    .exercises =
        "biased reference counting, merge queues, explicit merge, exit of owners, finalizers, "
        "stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<CountHandover>,
};

}  // namespace stressd::host
