// Allocation failure: everything that can be made is made with its n-th allocation
// failing, for every n.
//   Stresses   the ways out of constructors, of thread states, interpreters, runtimes
//              and collections that get only a part of their memory.
//   Method     `threads` threads make an interpreter each. For every operation a
//              thread lets the first allocation fail, then the second, and so on until
//              one runs through without a failure; then the same with all later ones
//              failing as well. Each attempt has a new thread state, so that no freelist
//              helps. After it the interpreter comes to rest and is weighed.
//   Holds if   what fails leaves nothing behind and can be done when there is memory
//              again, nothing fails without a fault, every walk ends, interpreters and
//              runtimes can be ended without memory, and each interpreter ends exactly
//              as an unused one does.
//   Exercises  fault points, constructors, thread states, interpreters, runtimes,
//              collections, delayed free without memory.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/oracles/oracle.h"
#include "stressd/host/scenarios/fault_injection.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// 10,000: more than any operation here allocates.
constexpr int64_t kLongestWalk = 10'000;
// 20 items: a list grows five times on its way there, a dict three times.
constexpr int64_t kItemCount = 20;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 3, 1, 256, "OS threads at a time, an interpreter each.",
                 ParameterCounts::kThreads),
    IntParameter("rounds", 8, 1, 100'000'000,
                 "How often each thread walks through everything; fewer under sanitizers."),
};

// Drops a new reference for a scope.
class Dropped {
 public:
  Dropped(rt::ThreadState& thread, rt::Object* object) : thread_(thread), object_(object) {}
  ~Dropped() { rt::DecrefIfNotNull(thread_, object_); }
  Dropped(const Dropped&) = delete;
  Dropped& operator=(const Dropped&) = delete;

 private:
  rt::ThreadState& thread_;
  rt::Object* const object_;
};

template <typename T>
rt::Object* ObjectOf(T* made) {
  return made == nullptr ? nullptr : rt::AsObject(made);
}

// Ends that the calling thread was refused.
thread_local int64_t refused_ends = 0;

// Each makes something and drops it again, or returns false having left nothing.
bool MakeNumber(rt::ThreadState& thread) {
  rt::Object* const number = ObjectOf(rt::NumberNew(thread, 7));
  const Dropped dropped(thread, number);
  return number != nullptr;
}

bool MakeTuple(rt::ThreadState& thread) {
  rt::Object* const number = ObjectOf(rt::NumberNew(thread, 7));
  const Dropped dropped(thread, number);
  if (number == nullptr) return false;
  rt::Object* const items[] = {number, number};
  rt::Object* const tuple = ObjectOf(rt::TupleNew(thread, items, 2));
  const Dropped dropped_tuple(thread, tuple);
  return tuple != nullptr;
}

bool MakeList(rt::ThreadState& thread) {
  rt::List* const list = rt::ListNew(thread);
  const Dropped dropped(thread, ObjectOf(list));
  if (list == nullptr) return false;
  for (int64_t i = 0; i < kItemCount; ++i) {
    rt::Object* const number = ObjectOf(rt::NumberNew(thread, i));
    const Dropped dropped_number(thread, number);
    if (number == nullptr || !rt::ListAppend(thread, list, number)) return false;
  }
  // Without memory a list does not shrink, and its old array waits for a goal or is
  // freed in a stopped world.
  for (int64_t i = 0; i < kItemCount / 2; ++i) {
    rt::DecrefIfNotNull(thread, rt::ListPop(thread, list));
  }
  rt::ListClear(thread, list);
  return true;
}

bool MakeFullList(rt::ThreadState& thread) {
  rt::Object* const list = ObjectOf(rt::ListNew(thread, kItemCount));
  const Dropped dropped(thread, list);
  return list != nullptr;
}

bool MakeDict(rt::ThreadState& thread) {
  rt::Dict* const dict = rt::DictNew(thread);
  const Dropped dropped(thread, ObjectOf(dict));
  if (dict == nullptr) return false;
  for (int64_t i = 0; i < kItemCount; ++i) {
    rt::Object* const key = ObjectOf(rt::NumberNew(thread, i));
    const Dropped dropped_key(thread, key);
    if (key == nullptr || !rt::DictSet(thread, dict, key, key)) return false;
  }
  return true;
}

bool MakeInstance(rt::ThreadState& thread) {
  rt::TypeObject* const type =
      rt::TypeNew(thread, {.name = "Failing", .slot_count = 2, .weakly_referable = true});
  const Dropped dropped_type(thread, ObjectOf(type));
  if (type == nullptr) return false;
  rt::Instance* const instance = rt::InstanceNew(thread, type);
  const Dropped dropped(thread, ObjectOf(instance));
  if (instance == nullptr) return false;
  rt::Object* const number = ObjectOf(rt::NumberNew(thread, 7));
  const Dropped dropped_number(thread, number);
  if (number == nullptr) return false;
  rt::InstanceSet(thread, instance, 0, number);
  rt::Object* const weak = ObjectOf(rt::WeakReferenceNew(thread, rt::AsObject(instance)));
  const Dropped dropped_weak(thread, weak);
  return weak != nullptr;
}

// A list in itself, which a collection has to find.
bool MakeGarbage(rt::ThreadState& thread) {
  rt::List* const list = rt::ListNew(thread, 1);
  const Dropped dropped(thread, ObjectOf(list));
  if (list == nullptr || !rt::ListAppend(thread, list, rt::AsObject(list))) return false;
  const rt::CollectStatus status = rt::Collect(thread).status;
  return status != rt::CollectStatus::kOutOfMemory;
}

bool MakeThreadState(rt::ThreadState& thread) {
  rt::ThreadState* const made = rt::NewThreadState(*thread.interpreter);
  if (made == nullptr) return false;
  rt::ScopedDetach detached(thread);
  bool done = rt::Attach(*made);
  if (done) {
    done = MakeNumber(*made);
    Leave(*made);
  } else {
    rt::ReleaseThreadState(made);
  }
  return detached.End() && done;
}

// To end an interpreter or a runtime from elsewhere takes a thread state, which each
// interpreter has in reserve: what was made can be ended without memory.
bool MakeInterpreter(rt::ThreadState& thread) {
  rt::Interpreter* const made = rt::Interpreter::Create(thread.interpreter->runtime());
  if (made == nullptr) return false;
  if (rt::Interpreter::Destroy(made)) return true;
  ++refused_ends;
  const NoFaults memory_again;
  // What it does not do shows in the counters at the end of the run.
  (void)rt::Interpreter::Destroy(made);
  return false;
}

bool MakeRuntime(rt::ThreadState&) {
  std::unique_ptr<rt::Runtime> made = rt::Runtime::Create();
  if (made == nullptr) return false;
  if (!made->Finalize()) ++refused_ends;
  // Destroys the main interpreter, which takes a thread state once more.
  made.reset();
  return true;
}

struct Operation {
  std::string_view name;
  bool (*run)(rt::ThreadState& thread);
};
constexpr Operation kOperations[] = {
    {"number", &MakeNumber},
    {"tuple", &MakeTuple},
    {"list", &MakeList},
    {"full_list", &MakeFullList},
    {"dict", &MakeDict},
    {"instance", &MakeInstance},
    {"garbage", &MakeGarbage},
    {"thread_state", &MakeThreadState},
    {"interpreter", &MakeInterpreter},
    {"runtime", &MakeRuntime},
};

class AllocationFailure final : public RoundScenario {
 public:
  explicit AllocationFailure(const Parameters& parameters) : RoundScenario(parameters) {
    // relaxed: no thread works yet.
    for (auto& longest : longest_) longest.store(0, std::memory_order_relaxed);
  }

  // Learns what an unused interpreter is at its end.
  absl::Status SetUp(ScenarioContext& context) override {
    rt::Interpreter* const unused = rt::Interpreter::Create(context.runtime());
    if (unused == nullptr) return NoMemory();
    return rt::Interpreter::Destroy(unused, &unused_end_.balance) ? absl::OkStatus()
                                                                  : WasShutDown();
  }

 private:
  // One thread's place to fail in.
  struct Place {
    rt::Interpreter* interpreter;
    rt::ThreadState* keeper;  // Detached while an attempt runs.
    rt::BalanceSnapshot rest;
  };

  absl::Status BeginRound(ScenarioContext&) override {
    hook_.emplace();
    return absl::OkStatus();
  }

  absl::Status EndRound(ScenarioContext&) override {
    hook_.reset();
    return absl::OkStatus();
  }

  void DropAll(ScenarioContext&) override { hook_.reset(); }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    rt::Interpreter* const interpreter = rt::Interpreter::Create(context.runtime());
    if (interpreter == nullptr) return NoMemory();
    absl::Status status = WalkAll(context, worker, *interpreter);
    Observation end;
    if (!rt::Interpreter::Destroy(interpreter, &end.balance)) return WasShutDown();
    if (status.ok()) {
      JudgeAll(unused_end_, end, JudgeScope::kRuntimeOnly, "an interpreter of failures", found());
    }
    return status;
  }

  absl::Status WalkAll(ScenarioContext& context, Worker& worker, rt::Interpreter& interpreter) {
    rt::ScopedThreadState keeper(interpreter);
    if (!keeper) return NoMemory();
    Place place{&interpreter, keeper.get(), {}};
    if (!Weigh(place, &place.rest)) return WasShutDown();
    // Each thread begins somewhere else, so that different ones fail beside each other.
    const size_t first = worker.prng.Below(std::size(kOperations));
    for (size_t i = 0; i < std::size(kOperations); ++i) {
      const size_t index = (first + i) % std::size(kOperations);
      for (const bool lasting : {false, true}) {
        const absl::Status status = Walk(place, index, lasting);
        if (!status.ok()) return status;
      }
      context.progress().Count(1);
      if (context.ShouldStop()) break;
    }
    return absl::OkStatus();
  }

  absl::Status Walk(Place& place, size_t index, bool lasting) {
    const Operation& operation = kOperations[index];
    for (int64_t nth = 1; nth <= kLongestWalk; ++nth) {
      bool fired = false;
      const absl::Status status = Attempt(place, operation, nth, lasting, &fired);
      if (!status.ok()) return status;
      if (!fired) {
        RecordWalk(index, nth - 1);
        return absl::OkStatus();
      }
    }
    Found(operation, kLongestWalk, lasting, "it has not run through without a fault yet");
    return absl::OkStatus();
  }

  // One attempt of `operation` on a new thread state, its `nth` allocation failing.
  absl::Status Attempt(Place& place, const Operation& operation, int64_t nth, bool lasting,
                       bool* fired) {
    rt::ScopedDetach detached(*place.keeper);
    bool shut_down = false;
    {
      rt::ScopedThreadState thread(*place.interpreter);
      if (!thread) return detached.End() ? NoMemory() : WasShutDown();
      bool done = false;
      {
        const NthFault fault(nth, lasting);
        done = operation.run(*thread);
        *fired = fault.has_fired();
      }
      if (!done && !*fired) Found(operation, nth, lasting, "it failed without a fault");
      if (std::exchange(refused_ends, 0) != 0) {
        Found(operation, nth, lasting, "what was made could not be ended");
      }
      // Again, now that there is memory.
      if (!done && !operation.run(*thread)) {
        Found(operation, nth, lasting, "it failed again, with memory");
      }
      shut_down = rt::Collect(*thread).status == rt::CollectStatus::kShutDown;
    }
    if (!detached.End() || shut_down) return WasShutDown();
    rt::BalanceSnapshot rest;
    if (!Weigh(place, &rest)) return WasShutDown();
    if (SameWeight(place.rest, rest)) return absl::OkStatus();
    Found(operation, nth, lasting,
          absl::StrFormat("it left %+d references, %+d blocks, %+d thread states, %d queued "
                          "objects and %d delayed frees",
                          rest.reference_total - place.rest.reference_total,
                          rest.LiveBlockCount() - place.rest.LiveBlockCount(),
                          rest.thread_state_count - place.rest.thread_state_count,
                          rest.queued_object_count, rest.delayed_free_count));
    place.rest = rest;
    return absl::OkStatus();
  }

  static bool Weigh(Place& place, rt::BalanceSnapshot* rest) {
    return place.interpreter->Quiesce(*place.keeper) &&
           place.interpreter->Snapshot(*place.keeper, rest);
  }

  static bool SameWeight(const rt::BalanceSnapshot& before, const rt::BalanceSnapshot& after) {
    return before.reference_total == after.reference_total &&
           before.references_by_type == after.references_by_type &&
           before.LiveBlockCount() == after.LiveBlockCount() &&
           before.thread_state_count == after.thread_state_count &&
           before.qsbr_slot_count == after.qsbr_slot_count && after.queued_object_count == 0 &&
           after.delayed_free_count == 0;
  }

  void RecordWalk(size_t index, int64_t fault_count) {
    // relaxed, all: statistics, read when no thread works any more.
    faults_.fetch_add(fault_count, std::memory_order_relaxed);
    walks_.fetch_add(1, std::memory_order_relaxed);
    rt::Atomic<int64_t>& longest = longest_[index];
    int64_t before = longest.load(std::memory_order_relaxed);
    while (before < fault_count &&
           !longest.compare_exchange_weak(before, fault_count, std::memory_order_relaxed,
                                          std::memory_order_relaxed)) {
    }
  }

  void Found(const Operation& operation, int64_t nth, bool lasting, const std::string& what) {
    found().Add("allocation-failure",
                absl::StrFormat("%s, fault at allocation %d%s: %s", operation.name, nth,
                                lasting ? " and later" : "", what));
  }

  void Conclude(ScenarioContext& context) override {
    // relaxed, all: no thread works any more.
    const int64_t faults = faults_.load(std::memory_order_relaxed);
    context.Measure("faults_count", faults);
    context.Measure("walks_count", walks_.load(std::memory_order_relaxed));
    for (size_t i = 0; i < std::size(kOperations); ++i) {
      context.Measure(absl::StrFormat("%s_faults_count", kOperations[i].name),
                      longest_[i].load(std::memory_order_relaxed));
    }
    if (faults == 0) found().AddUnreached("no allocation failed");
  }

  Observation unused_end_;
  std::optional<FaultRound> hook_;
  rt::Atomic<int64_t> faults_{0};
  rt::Atomic<int64_t> walks_{0};
  // Of each operation: the faults of its longest walk.
  std::array<rt::Atomic<int64_t>, std::size(kOperations)> longest_;
};

}  // namespace

extern const ScenarioDeclaration kAllocationFailureDeclaration = {
    .name = "allocation-failure",
    .summary = "Everything that can be made is made with its n-th allocation failing.",
    .stresses =
        "the ways out of constructors, of thread states, interpreters, runtimes and collections "
        "that get only a part of their memory",
    .method =
        "`threads` threads make an interpreter each. For every operation a thread lets the first "
        "allocation fail, then the second, and so on until one runs through without a failure; "
        "then the same with all later ones failing as well. Each attempt has a new thread state, "
        "so that no freelist helps. After it the interpreter comes to rest and is weighed.",
    .holds_if =
        "what fails leaves nothing behind and can be done when there is memory again, nothing "
        "fails without a fault, every walk ends, interpreters and runtimes can be ended without "
        "memory, and each interpreter ends exactly as an unused one does",
    .exercises =
        "fault points, constructors, thread states, interpreters, runtimes, collections, delayed "
        "free without memory",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<AllocationFailure>,
};

}  // namespace stressd::host
