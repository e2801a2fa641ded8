// Collect storm: threads make cyclic garbage, weak references and finalizers that
// save their object; one thread collects without a pause.
//   Stresses   the cycle collector between its pauses, the heap walk over threads
//              that come and go, weak references of dying objects, finalizers.
//   Method     `rounds` rounds of `threads` OS threads and one that collects. Each
//              thread makes `rings` rings of up to eight instances, some of them
//              through a ring of another thread, refers to some weakly, reads those
//              while the rings are dropped, and has a life's worth of thread states
//              in between. Some finalizers put their instance into a shared list,
//              from where the end of the round drops it. Then everything that was
//              made must be collected.
//   Holds if   every instance was finalized exactly once and destroyed, every weak
//              reference that was kept lost its referent and was called back once,
//              and what is read through one is what was written.
//   Exercises  collection, weak references, finalizers, resurrection, tracking,
//              parked heap bundles, stop-the-world, merge queues.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/str_format.h"
#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenario/round_loop.h"
#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

// 8: rings of one, which no queue of merges holds together, up to some that
// span several threads.
constexpr int64_t kLongestRing = 8;
// 16: rings between two safe points.
constexpr int64_t kRingsPerSafePoint = 16;

// Slots of an instance: the next one of its ring, one of another ring, its number.
constexpr uint32_t kNextSlot = 0;
constexpr uint32_t kOtherSlot = 1;
constexpr uint32_t kNumberSlot = 2;
constexpr uint32_t kSlotCount = 3;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads that make garbage; one more collects.",
                 ParameterCounts::kThreads),
    IntParameter("rounds", 12, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("rings", 150, 1, 1'000'000, "Rings that each thread makes per round."),
    IntParameter("shared_per_mille", 200, 0, 1000,
                 "Of 1000 rings, how many go through another thread's."),
    IntParameter("weak_per_mille", 500, 0, 1000,
                 "Of 1000 rings, how many are referred to weakly, with a callback."),
    IntParameter("save_per_mille", 100, 0, 1000,
                 "Of 1000 instances, how many are saved by their finalizer."),
    IntParameter("life_per_mille", 5, 0, 1000,
                 "Of 1000 rings, after how many the thread takes a new thread state."),
    IntParameter("threshold", 700, 0, 1'000'000'000,
                 "Objects after which a collection begins by itself; 0: never."),
};

class CollectStorm final : public Scenario {
 public:
  explicit CollectStorm(const Parameters& parameters)
      : threads_(static_cast<int>(parameters.GetInt("threads"))),
        rounds_(ScaledLoad(parameters.GetInt("rounds"))),
        rings_(ScaledLoad(parameters.GetInt("rings"))),
        shared_per_mille_(static_cast<uint64_t>(parameters.GetInt("shared_per_mille"))),
        weak_per_mille_(static_cast<uint64_t>(parameters.GetInt("weak_per_mille"))),
        save_per_mille_(static_cast<uint64_t>(parameters.GetInt("save_per_mille"))),
        life_per_mille_(static_cast<uint64_t>(parameters.GetInt("life_per_mille"))),
        threshold_(parameters.GetInt("threshold")),
        kept_(static_cast<size_t>(threads_)),
        finalized_(static_cast<size_t>(threads_ * rings_ * kLongestRing)) {}

  absl::Status SetUp(ScenarioContext&) override { return absl::OkStatus(); }

  absl::Status Run(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    const int64_t threshold = rt::ReadCollection(context.interpreter()).threshold;
    rt::SetCollectThreshold(context.interpreter(), threshold_);
    absl::Status status = Create(main);
    RoundLoop loop(context, context.prng(), rounds_);
    while (status.ok() && loop.Next()) {
      made_in_round_.store(0, std::memory_order_relaxed);
      makers_left_.store(threads_, std::memory_order_relaxed);
      status = context.RunWorkers(threads_ + 1, [&](Worker& worker) {
        return worker.index == threads_ ? CollectAllTheTime(context) : MakeGarbage(context, worker);
      });
      const absl::Status ended = EndRound(main);
      if (status.ok()) status = ended;
      if (status.ok()) ++rounds_done_;
    }
    for (rt::Object* object :
         {AsObjectOrNull(shared_), AsObjectOrNull(saved_), AsObjectOrNull(type_)}) {
      if (object != nullptr) rt::Decref(main, object);
    }
    rt::SetCollectThreshold(context.interpreter(), threshold);
    context.Measure("rounds_count", rounds_done_);
    context.Measure("instances_count", made_count_);
    context.Measure("collections_count", collections_.load(std::memory_order_relaxed));
    context.Measure("refused_collections_count", refused_.load(std::memory_order_relaxed));
    context.Measure("collected_count", collected_.load(std::memory_order_relaxed));
    context.Measure("saved_count", saved_count_.load(std::memory_order_relaxed));
    return status;
  }

  void Check(const ScenarioContext&, ViolationList& out) const override {
    Expect(out, "finalizers", "instances were not finalized exactly once", wrongly_finalized_);
    Expect(out, "finalizers", "finalizers saw a number that nobody wrote", foreign_numbers_);
    Expect(out, "weak-references", "weak references found something else", wrong_referents_);
    Expect(out, "weak-references", "weak references outlived their round's end", outlived_);
    Expect(out, "weak-references", "callbacks are missing or too many",
           expected_callbacks_ - callbacks_.load(std::memory_order_relaxed));
    if (rounds_done_ == 0) out.AddUnreached("no round was completed");
    if (collected_.load(std::memory_order_relaxed) == 0) out.AddUnreached("nothing was collected");
  }

 private:
  template <typename Kind>
  static rt::Object* AsObjectOrNull(Kind* object) {
    return object == nullptr ? nullptr : rt::AsObject(object);
  }

  static void Expect(ViolationList& out, const char* oracle, const char* what, int64_t count) {
    if (count != 0) out.Add(oracle, absl::StrFormat("%d %s", count, what));
  }

  static absl::Status NoMemory() { return absl::ResourceExhaustedError("no memory for objects"); }
  static absl::Status WasShutDown() { return absl::AbortedError("the thread state was shut down"); }

  absl::Status Create(rt::ThreadState& thread) {
    type_ = rt::TypeNew(thread, {.name = "ring",
                                 .slot_count = kSlotCount,
                                 .finalizer = &CollectStorm::Finalize,
                                 .finalizer_context = this,
                                 .weakly_referable = true});
    shared_ = rt::ListNew(thread);
    saved_ = rt::ListNew(thread);
    return type_ != nullptr && shared_ != nullptr && saved_ != nullptr ? absl::OkStatus()
                                                                       : NoMemory();
  }

  // Every number is finalized once; some instances are saved, for now.
  static void Finalize(rt::ObjectThread& thread, rt::Instance* instance, void* context) {
    CollectStorm& self = *static_cast<CollectStorm*>(context);
    rt::Object* const number = rt::InstanceGet(thread, instance, kNumberSlot);
    const int64_t value = number == nullptr ? -1 : rt::NumberValue(number);
    if (number != nullptr) rt::Decref(thread, number);
    if (value < 0 || static_cast<size_t>(value) >= self.finalized_.size()) {
      self.foreign_in_round_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    // relaxed: counted once the threads are joined.
    self.finalized_[static_cast<size_t>(value)].fetch_add(1, std::memory_order_relaxed);
    // Decided by the number, so that a run repeats.
    if (static_cast<uint64_t>(value) * 2654435761u % 1000 >= self.save_per_mille_) return;
    if (rt::ListAppend(thread, self.saved_, rt::AsObject(instance))) {
      self.saved_count_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  static void NoteCallback(rt::ObjectThread&, rt::WeakReference*, void* context) {
    // relaxed: as above.
    static_cast<CollectStorm*>(context)->callbacks_.fetch_add(1, std::memory_order_relaxed);
  }

  absl::Status CollectAllTheTime(ScenarioContext& context) {
    rt::ScopedThreadState thread(context.interpreter());
    if (!thread) return absl::ResourceExhaustedError("no thread state could be made");
    // relaxed: the last look decides nothing; the threads are joined.
    while (makers_left_.load(std::memory_order_relaxed) != 0) {
      const absl::Status status = CollectOnce(*thread);
      if (!status.ok()) return status;
      context.progress().Count(1);
      if (!rt::SafePoint(*thread)) return WasShutDown();
    }
    return absl::OkStatus();
  }

  absl::Status CollectOnce(rt::ThreadState& thread, int64_t* unreachable_count = nullptr) {
    const rt::CollectResult result = rt::Collect(thread);
    if (result.status == rt::CollectStatus::kShutDown) return WasShutDown();
    // relaxed, all: statistics.
    auto& count = result.status == rt::CollectStatus::kDone ? collections_ : refused_;
    count.fetch_add(1, std::memory_order_relaxed);
    collected_.fetch_add(result.collected_count, std::memory_order_relaxed);
    if (unreachable_count != nullptr) *unreachable_count = result.unreachable_count;
    return absl::OkStatus();
  }

  absl::Status MakeGarbage(ScenarioContext& context, Worker& worker) {
    auto& kept = kept_[static_cast<size_t>(worker.index)];
    int64_t left = rings_;
    absl::Status status = absl::OkStatus();
    while (status.ok() && left > 0 && !context.ShouldStop()) {
      rt::ScopedThreadState thread(context.interpreter());
      if (!thread) {
        status = absl::ResourceExhaustedError("no thread state could be made");
        break;
      }
      do {
        status = MakeRing(*thread, worker, kept);
        context.progress().Count(1);
        if (--left % kRingsPerSafePoint != 0) continue;
        ReadOne(*thread, worker, kept);
        if (!rt::SafePoint(*thread)) status = WasShutDown();
      } while (status.ok() && left > 0 && !worker.prng.Chance(life_per_mille_, 1000));
    }
    // relaxed: see CollectAllTheTime().
    makers_left_.fetch_sub(1, std::memory_order_relaxed);
    return status;
  }

  // Makes a ring, ties it to the others' and to a weak reference, and drops it.
  absl::Status MakeRing(rt::ThreadState& thread, Worker& worker,
                        std::vector<rt::WeakReference*>& kept) {
    const int64_t length = worker.prng.Between(1, kLongestRing);
    rt::Instance* const first = NewInstance(thread);
    rt::Instance* last = first;
    for (int64_t i = 1; i < length && last != nullptr; ++i) {
      rt::Instance* const next = NewInstance(thread);
      if (next != nullptr) rt::InstanceSet(thread, last, kNextSlot, rt::AsObject(next));
      if (last != first) rt::Decref(thread, rt::AsObject(last));
      last = next;
    }
    if (first == nullptr) return NoMemory();
    if (last != nullptr) rt::InstanceSet(thread, last, kNextSlot, rt::AsObject(first));
    if (last != nullptr && last != first) rt::Decref(thread, rt::AsObject(last));
    absl::Status status = last == nullptr ? NoMemory() : absl::OkStatus();
    if (status.ok() && worker.prng.Chance(shared_per_mille_, 1000)) {
      status = Entangle(thread, worker, first);
    }
    if (status.ok() && worker.prng.Chance(weak_per_mille_, 1000)) {
      rt::WeakReference* const weak =
          rt::WeakReferenceNew(thread, rt::AsObject(first), &CollectStorm::NoteCallback, this);
      if (weak != nullptr) kept.push_back(weak);
    }
    rt::Decref(thread, rt::AsObject(first));
    return status;
  }

  rt::Instance* NewInstance(rt::ThreadState& thread) {
    rt::Instance* const instance = rt::InstanceNew(thread, type_);
    if (instance == nullptr) return nullptr;
    // relaxed: only has to be unique.
    const int64_t number = made_in_round_.fetch_add(1, std::memory_order_relaxed);
    rt::Number* const value = rt::NumberNew(thread, number);
    if (value != nullptr) {
      rt::InstanceSet(thread, instance, kNumberSlot, rt::AsObject(value));
      rt::Decref(thread, rt::AsObject(value));
    }
    return instance;
  }

  // Lets the ring go through one that another thread has left in the shared list,
  // and takes its place there.
  absl::Status Entangle(rt::ThreadState& thread, Worker& worker, rt::Instance* instance) {
    const int64_t size = rt::ListSize(shared_);
    if (size < 4 * threads_) {
      return rt::ListAppend(thread, shared_, rt::AsObject(instance)) ? absl::OkStatus()
                                                                     : NoMemory();
    }
    const int64_t index = worker.prng.Between(0, size - 1);
    rt::Object* const other = rt::ListGet(thread, shared_, index);
    if (other == nullptr) return absl::OkStatus();
    rt::InstanceSet(thread, instance, kOtherSlot, other);
    rt::InstanceSet(thread, reinterpret_cast<rt::Instance*>(other), kOtherSlot,
                    rt::AsObject(instance));
    rt::Decref(thread, other);
    (void)rt::ListSet(thread, shared_, index, rt::AsObject(instance));
    return absl::OkStatus();
  }

  // Looks through one weak reference of its own.
  void ReadOne(rt::ThreadState& thread, Worker& worker,
               const std::vector<rt::WeakReference*>& kept) {
    if (kept.empty()) return;
    rt::WeakReference* const weak = kept[worker.prng.Below(kept.size())];
    rt::Object* const found = rt::WeakReferenceGet(thread, weak);
    if (found == nullptr) return;
    rt::Object* const number =
        rt::InstanceGet(thread, reinterpret_cast<rt::Instance*>(found), kNumberSlot);
    const bool right = number != nullptr && rt::NumberValue(number) >= 0 &&
                       // relaxed: what was written was drawn before.
                       rt::NumberValue(number) < made_in_round_.load(std::memory_order_relaxed);
    if (!right) wrong_in_round_.fetch_add(1, std::memory_order_relaxed);
    if (number != nullptr) rt::Decref(thread, number);
    rt::Decref(thread, found);
  }

  // Everything that was made is dropped now: collects it and counts.
  absl::Status EndRound(rt::ThreadState& main) {
    if (!rt::SafePoint(main)) return WasShutDown();
    rt::ListClear(main, shared_);
    // What finalizers have saved may lead to rings that are not finalized yet, and
    // those may save more; an instance is saved once.
    int64_t unreachable_count = 0;
    do {
      rt::ListClear(main, saved_);
      const absl::Status status = CollectOnce(main, &unreachable_count);
      if (!status.ok()) return status;
    } while (unreachable_count != 0 || rt::ListSize(saved_) != 0);
    JudgeRound(main);
    return absl::OkStatus();
  }

  void JudgeRound(rt::ThreadState& main) {
    // relaxed, all: the threads are joined.
    const int64_t made = made_in_round_.load(std::memory_order_relaxed);
    made_count_ += made;
    for (int64_t i = 0; i < made; ++i) {
      auto& count = finalized_[static_cast<size_t>(i)];
      if (count.load(std::memory_order_relaxed) != 1) ++wrongly_finalized_;
      count.store(0, std::memory_order_relaxed);
    }
    for (std::vector<rt::WeakReference*>& kept : kept_) {
      for (rt::WeakReference* weak : kept) {
        rt::Object* const found = rt::WeakReferenceGet(main, weak);
        if (found != nullptr) {
          ++outlived_;
          rt::Decref(main, found);
        }
        rt::Decref(main, rt::AsObject(weak));
        ++expected_callbacks_;
      }
      kept.clear();
    }
    foreign_numbers_ += foreign_in_round_.exchange(0, std::memory_order_relaxed);
    wrong_referents_ += wrong_in_round_.exchange(0, std::memory_order_relaxed);
  }

  const int threads_;
  const int64_t rounds_;
  const int64_t rings_;
  const uint64_t shared_per_mille_;
  const uint64_t weak_per_mille_;
  const uint64_t save_per_mille_;
  const uint64_t life_per_mille_;
  const int64_t threshold_;

  rt::TypeObject* type_ = nullptr;
  rt::List* shared_ = nullptr;
  rt::List* saved_ = nullptr;
  // Weak references that outlive their referent, by who made them.
  std::vector<std::vector<rt::WeakReference*>> kept_;
  // How often each number of the round was finalized.
  std::vector<rt::Atomic<uint8_t>> finalized_;
  rt::Atomic<int64_t> made_in_round_{0};
  rt::Atomic<int64_t> makers_left_{0};
  rt::Atomic<int64_t> foreign_in_round_{0};
  rt::Atomic<int64_t> wrong_in_round_{0};
  rt::Atomic<int64_t> callbacks_{0};
  rt::Atomic<int64_t> collections_{0};
  rt::Atomic<int64_t> refused_{0};
  rt::Atomic<int64_t> collected_{0};
  rt::Atomic<int64_t> saved_count_{0};

  int64_t rounds_done_ = 0;
  int64_t made_count_ = 0;
  int64_t expected_callbacks_ = 0;
  int64_t wrongly_finalized_ = 0;
  int64_t foreign_numbers_ = 0;
  int64_t wrong_referents_ = 0;
  int64_t outlived_ = 0;
};

}  // namespace

extern const ScenarioDeclaration kCollectStormDeclaration = {
    .name = "collect-storm",
    .summary =
        "Threads make cyclic garbage, weak references and finalizers that save their "
        "object; one thread collects without a pause.",
    .stresses =
        "the cycle collector between its pauses, the heap walk over threads that come "
        "and go, weak references of dying objects, finalizers",
    .method =
        "`rounds` rounds of `threads` OS threads and one that collects. Each thread makes "
        "`rings` rings of up to eight instances, some of them through a ring of another "
        "thread, refers to some weakly, reads those while the rings are dropped, and has a "
        "life's worth of thread states in between. Some finalizers put their instance into a "
        "shared list, from where the end of the round drops it. Then everything that was made "
        "must be collected.",
    .holds_if =
        "every instance was finalized exactly once and destroyed, every weak reference that "
        "was kept lost its referent and was called back once, and what is read through one is "
        "what was written",
    .exercises =
        "collection, weak references, finalizers, resurrection, tracking, parked heap "
        "bundles, stop-the-world, merge queues",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<CollectStorm>,
};

}  // namespace stressd::host
