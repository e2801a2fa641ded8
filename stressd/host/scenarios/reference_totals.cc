// Reference totals: every way a count can change, compared to a second account.
//   Stresses   the reference totals of threads that run, queue, merge, resurrect
//              and exit.
//   Method     each round takes one path by which totals change (owner, foreign,
//              queue, merge, try, resurrect, exit, or all mixed). The `threads`
//              threads keep every reference they hold in a ledger or in a shared
//              place, and stop the world at random to add all of them up.
//   Holds if   in each of those stops the totals of numbers and instances are
//              exactly the references in ledgers, places, lists and merge queues,
//              and after each round every total is exactly what it was before.
//   Exercises  reference totals, biased reference counting, merge queues, explicit
//              merge, try-incref, resurrection, exit of owners, stop-the-world.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"
#include "runtime/base/config.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/object_places.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

constexpr std::string_view kPaths[] = {"owner", "foreign",   "queue", "merge",
                                       "try",   "resurrect", "exit",  "mixed"};
constexpr size_t kPathCount = std::size(kPaths);
constexpr size_t kMixed = kPathCount - 1;
constexpr std::string_view kPathChoices[] = {"each", "owner",     "foreign", "queue", "merge",
                                             "try",  "resurrect", "exit",    "mixed"};

// 16: safe points are frequent; one in kStopOneIn of them is a stop that adds
// everything up.
constexpr int64_t kOperationsPerBreath = 16;
constexpr uint64_t kStopOneIn = 12;
// 24: enough references per thread that several are to one object.
constexpr size_t kLedgerLimit = 24;
constexpr size_t kPlaceCount = 32;
constexpr int64_t kListItems = 16;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 24, 1, 100'000'000,
                 "How often all threads are started and joined; under sanitizers fewer, but each "
                 "path once."),
    IntParameter("operations", 500, 1, 10'000'000, "Operations per thread and round.",
                 ParameterCounts::kOperations),
    ChoiceParameter("path", "each", kPathChoices,
                    "The path of every round; each: one after the other."),
};

class ReferenceTotals final : public RoundScenario {
 public:
  explicit ReferenceTotals(const Parameters& parameters)
      : RoundScenario(parameters, kPathCount),
        operations_(parameters.GetInt("operations")),
        path_name_(parameters.GetChoice("path")),
        ledgers_(static_cast<size_t>(threads())) {
    for (std::vector<rt::Object*>& ledger : ledgers_) ledger.reserve(kLedgerLimit + 2);
    if (path_name_ != "each") return;
    Require(rt::Counter::kObjectsQueued, "no object was queued");
    Require(rt::Counter::kObjectsMergedFromQueue, "no queued object was merged by its owner");
    Require(rt::Counter::kObjectsMergedForeign, "no object of an owner that had left was merged");
    Require(rt::Counter::kExplicitMerges, "no object was merged explicitly");
    Require(rt::Counter::kFinalizersRun, "no finalizer ran");
  }

 private:
  using Ledger = std::vector<rt::Object*>;

  absl::Status BeginRound(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    path_ = ChoosePath();
    absl::Status status;
    if (type_ == nullptr) status = MakeShared(context);
    if (!status.ok()) return status;
    if (!context.interpreter().Quiesce(main)) return WasShutDown();
    if (!context.interpreter().Snapshot(main, &start_)) return WasShutDown();
    return absl::OkStatus();
  }

  size_t ChoosePath() const {
    for (size_t i = 0; i < kPathCount; ++i) {
      if (kPaths[i] == path_name_) return i;
    }
    return static_cast<size_t>(rounds_done()) % kPathCount;
  }

  absl::Status MakeShared(ScenarioContext& context) {
    rt::ThreadState& main = context.main_thread();
    type_ = rt::TypeNew(
        main,
        {.name = "Counted", .slot_count = 1, .finalizer = &Resurrect, .finalizer_context = this});
    list_ = rt::ListNew(main);
    if (type_ == nullptr || list_ == nullptr) return NoMemory();
    for (int64_t i = 0; i < kListItems; ++i) {
      rt::Number* const number = rt::NumberNew(main, i);
      if (number == nullptr) return NoMemory();
      const bool appended = rt::ListAppend(main, list_, rt::AsObject(number));
      rt::Decref(main, rt::AsObject(number));
      if (!appended) return NoMemory();
    }
    return absl::OkStatus();
  }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    Ledger& ledger = ledgers_[static_cast<size_t>(worker.index)];
    int64_t left = operations_;
    while (left > 0) {
      // Owners that come and go, each leaving objects to the others.
      const int64_t life = path_ == kMixed || kPaths[path_] == "exit"
                               ? worker.prng.Between(1, operations_ / 4 + 1)
                               : left;
      const absl::Status status = Live(context, worker, ledger, life);
      if (!status.ok()) return status;
      left -= life;
      if (context.ShouldStop()) break;
    }
    return absl::OkStatus();
  }

  absl::Status Live(ScenarioContext& context, Worker& worker, Ledger& ledger, int64_t operations) {
    rt::ScopedThreadState thread(context.interpreter());
    if (!thread) return NoMemory();
    absl::Status status;
    for (int64_t i = 1; status.ok() && i <= operations; ++i) {
      if (!WorkOnce(*thread, ledger, worker.prng)) status = NoMemory();
      if (!status.ok() || i % kOperationsPerBreath != 0) continue;
      context.progress().Count(kOperationsPerBreath);
      if (worker.prng.Chance(1, kStopOneIn)) {
        status = AddUp(context, *thread);
      } else if (!rt::SafePoint(*thread)) {
        status = WasShutDown();
      }
      if (context.ShouldStop()) break;
    }
    if (absl::IsAborted(status)) return status;
    // Empty before the thread state is: nobody else may look at it afterwards.
    while (!ledger.empty()) {
      if (worker.prng.Chance(1, 2)) {
        Give(*thread, ledger, worker.prng);
      } else {
        DropLast(*thread, ledger);
      }
    }
    return status;
  }

  // One operation of the round's path. False when memory ran out.
  bool WorkOnce(rt::ThreadState& thread, Ledger& ledger, Prng& prng) {
    while (ledger.size() > kLedgerLimit) DropLast(thread, ledger);
    if (ledger.empty() || prng.Chance(1, 4)) return Make(thread, ledger, prng);
    switch (path_ == kMixed ? prng.Below(kMixed) : path_) {
      case 0:  // owner
        Hold(thread, ledger, ledger.back());
        if (prng.Chance(1, 2)) DropLast(thread, ledger);
        DropLast(thread, ledger);
        return true;
      case 1:  // foreign
        Take(ledger, prng);
        if (!ledger.empty()) Hold(thread, ledger, ledger.back());
        if (!ledger.empty()) Give(thread, ledger, prng);
        return true;
      case 2:  // queue
        Give(thread, ledger, prng);
        if (prng.Chance(1, 32)) Dawdle();
        Take(ledger, prng);
        if (!ledger.empty()) DropLast(thread, ledger);
        return true;
      case 3:  // merge
        return MergeExplicitly(thread, ledger, prng);
      case 4:  // try
        return TryOnce(thread, ledger, prng);
      default:  // resurrect, exit
        Give(thread, ledger, prng);
        Take(ledger, prng);
        return true;
    }
  }

  bool Make(rt::ThreadState& thread, Ledger& ledger, Prng& prng) {
    if (kPaths[path_] == "resurrect" || prng.Chance(1, 4)) {
      rt::Instance* const instance = rt::InstanceNew(thread, type_);
      if (instance != nullptr) ledger.push_back(rt::AsObject(instance));
      return instance != nullptr;
    }
    rt::Number* const number = rt::NumberNew(thread, 1);
    if (number != nullptr) ledger.push_back(rt::AsObject(number));
    return number != nullptr;
  }

  // The owner's part of an explicit merge, with references in other hands.
  bool MergeExplicitly(rt::ThreadState& thread, Ledger& ledger, Prng& prng) {
    if (!Make(thread, ledger, prng)) return false;
    rt::Object* const object = ledger.back();
    Hold(thread, ledger, object);
    Give(thread, ledger, prng);
    // One reference is in the ledger: the count cannot become 0 here.
    (void)rt::ExplicitMerge(thread, object, 0);
    DropLast(thread, ledger);
    Take(ledger, prng);
    return true;
  }

  bool TryOnce(rt::ThreadState& thread, Ledger& ledger, Prng& prng) {
    const auto index = static_cast<int64_t>(prng.Below(kListItems));
    if (prng.Chance(1, 3)) {
      rt::Number* const number = rt::NumberNew(thread, index);
      if (number == nullptr) return false;
      (void)rt::ListSet(thread, list_, index, rt::AsObject(number));  // Never shorter.
      rt::Decref(thread, rt::AsObject(number));
      return true;
    }
    if (rt::Object* const item = rt::ListGet(thread, list_, index)) ledger.push_back(item);
    return true;
  }

  static void Hold(rt::ThreadState& thread, Ledger& ledger, rt::Object* object) {
    rt::Incref(thread, object);
    ledger.push_back(object);
  }

  static void DropLast(rt::ThreadState& thread, Ledger& ledger) {
    rt::Object* const object = ledger.back();
    ledger.pop_back();
    rt::Decref(thread, object);
  }

  void Give(rt::ThreadState& thread, Ledger& ledger, Prng& prng) {
    rt::Object* const object = ledger.back();
    ledger.pop_back();
    places_.Put(thread, prng.Next(), object);
  }

  void Take(Ledger& ledger, Prng& prng) {
    if (rt::Object* const object = places_.Swap(prng.Next(), nullptr)) ledger.push_back(object);
  }

  // Saves every second instance into a place; its second death is final.
  static void Resurrect(rt::ObjectThread& thread, rt::Instance* instance, void* context) {
    auto& scenario = *static_cast<ReferenceTotals*>(context);
    // relaxed: a draw, orders nothing.
    const uint64_t number = scenario.finalized_.fetch_add(1, std::memory_order_relaxed);
    if (number % 2 != 0 || scenario.closing_) return;
    rt::Incref(thread, rt::AsObject(instance));
    scenario.places_.Put(thread, number / 2, rt::AsObject(instance));
  }

  // Stops the world and compares the totals with the second account.
  absl::Status AddUp(ScenarioContext& context, rt::ThreadState& thread) {
    if (!rt::StopTheWorld(thread, rt::StopScope::kInterpreter)) return WasShutDown();
    rt::BalanceSnapshot now;
    context.interpreter().SnapshotWorldStopped(thread, &now);
    int64_t expected = places_.Count() + kListItems + now.queued_object_count;
    for (const Ledger& ledger : ledgers_) expected += static_cast<int64_t>(ledger.size());
    const uint8_t own = type_->stat_index;
    const int64_t counted =
        now.references_by_type[rt::kStatIndexNumber] + now.references_by_type[own];
    ++sums_count_;
    if (RT_REFERENCE_TOTALS != 0 && counted != expected) {
      found().Add("reference-equality",
                  absl::StrFormat("in a stop of a round of path %s the totals are %d and the "
                                  "references %d, of them %d queued",
                                  kPaths[path_], counted, expected, now.queued_object_count));
    }
    rt::StartTheWorld(thread);
    return absl::OkStatus();
  }

  absl::Status EndRound(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    closing_ = true;
    places_.DropAll(main);
    closing_ = false;
    if (!context.interpreter().Quiesce(main)) return WasShutDown();
    rt::BalanceSnapshot end;
    if (!context.interpreter().Snapshot(main, &end)) return WasShutDown();
    for (size_t i = 0; i < end.references_by_type.size(); ++i) {
      if (end.references_by_type[i] == start_.references_by_type[i]) continue;
      found().Add(
          "reference-equality",
          absl::StrFormat("a round of path %s changed the total of type %d by %d", kPaths[path_], i,
                          end.references_by_type[i] - start_.references_by_type[i]));
    }
    return absl::OkStatus();
  }

  void DropAll(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    closing_ = true;
    places_.DropAll(main);
    for (Ledger& ledger : ledgers_) {
      while (!ledger.empty()) DropLast(main, ledger);
    }
    if (list_ != nullptr) rt::Decref(main, rt::AsObject(list_));
    if (type_ != nullptr) rt::Decref(main, rt::AsObject(type_));
  }

  void Conclude(ScenarioContext& context) override {
    context.Measure("sums_count", sums_count_);
    if (sums_count_ == 0) found().AddUnreached("the totals were never added up in a round");
  }

  const int64_t operations_;
  const std::string_view path_name_;
  ObjectPlaces places_{kPlaceCount};
  std::vector<Ledger> ledgers_;  // Each its worker's; read by who stopped the world.
  rt::TypeObject* type_ = nullptr;
  rt::List* list_ = nullptr;
  rt::BalanceSnapshot start_;
  size_t path_ = 0;
  int64_t sums_count_ = 0;  // Written in stops only.
  bool closing_ = false;    // Written while only the main thread runs.
  rt::Atomic<uint64_t> finalized_{0};
};

}  // namespace

extern const ScenarioDeclaration kReferenceTotalsDeclaration = {
    .name = "reference-totals",
    .summary = "Every way a count can change, compared to a second account of all references.",
    .stresses = "the reference totals of threads that run, queue, merge, resurrect and exit",
    .method =
        "Each round takes one path by which totals change (owner, foreign, queue, merge, try, "
        "resurrect, exit, or all mixed). The `threads` threads keep every reference they hold in "
        "a ledger or in a shared place, and stop the world at random to add all of them up.",
    .holds_if =
        "in each of those stops the totals of numbers and instances are exactly the references in "
        "ledgers, places, lists and merge queues, and after each round every total is exactly "
        "what it was before",
    .exercises =
        "reference totals, biased reference counting, merge queues, explicit merge, try-incref, "
        "resurrection, exit of owners, stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<ReferenceTotals>,
};

}  // namespace stressd::host
