// Mixed: operations of all systems, drawn by weight, on objects that all share.
//   Stresses   every system beside every other: counts and queues of owners that
//              leave, types, cycles, weak references and finalizers under collection,
//              lock-free readers of containers and blocks, delayed frees, freelists,
//              stops, pending calls, thread states that others bind or clear,
//              interpreters that are finalized with threads inside or trade data,
//              forks, allocations that fail.
//   Method     `rounds` rounds of `threads` OS threads; each lives `lives` lives of
//              about `operations` operations, drawn by the weights, of which every
//              round leaves some out and triples others. A life ends by itself or
//              leaves its thread state to another thread. In some rounds one thread
//              forks, in others allocations fail at random. Every few rounds
//              everything is dropped, merged and collected; a child does the same.
//   Holds if   every value read is what was written, every finalizer, callback and
//              pending call ran exactly once, and whenever everything was dropped
//              references by type, live blocks, delayed frees, queues, slots and
//              thread states are exactly those of the start, in children too.
//   Exercises  all ten systems, and the substrate.

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "stressd/host/oracles/process_usage.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenarios/block_traffic.h"
#include "stressd/host/scenarios/child_process.h"
#include "stressd/host/scenarios/container_traffic.h"
#include "stressd/host/scenarios/count_traffic.h"
#include "stressd/host/scenarios/doomed_traffic.h"
#include "stressd/host/scenarios/mixed_shares.h"
#include "stressd/host/scenarios/round_scenario.h"
#include "stressd/host/scenarios/state_traffic.h"
#include "stressd/host/scenarios/type_traffic.h"
#include "stressd/host/scenarios/world_traffic.h"

namespace stressd::host {
namespace {

constexpr int64_t kOperationsPerBreath = 16;
// 3: what rounds leave alive meets the next ones, and a broken balance is seen soon.
constexpr int64_t kRoundsPerClosing = 3;
constexpr size_t kStatePlaces = 12;
// 20,000: instances in rings between two closings.
constexpr size_t kRingNumbers = 20'000;
// Bounds of the resident memory, from the fourth closing on: half as much again
// and 64 MiB, two segments of mimalloc.
constexpr int64_t kWarmUpClosings = 4;
constexpr int64_t kGrowthBytes = 64 << 20;

// One per share, in this order.
constexpr std::string_view kWeightNames[] = {"counts", "containers", "types", "rings", "blocks",
                                             "world",  "states",     "trade", "doomed"};
constexpr size_t kShareCount = std::size(kWeightNames);

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 2, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 60, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("lives", 4, 1, 1'000'000, "Thread states per OS thread and round."),
    IntParameter("operations", 600, 1, 10'000'000, "Operations per life, about.",
                 ParameterCounts::kOperations),
    IntParameter("counts", 300, 0, 1'000'000, "Weight of counts that several threads change."),
    IntParameter("containers", 300, 0, 1'000'000, "Weight of lists, dicts, tuples and slots."),
    IntParameter("types", 100, 0, 1'000'000, "Weight of heap types."),
    IntParameter("rings", 100, 0, 1'000'000, "Weight of cyclic garbage and weak references."),
    IntParameter("blocks", 150, 0, 1'000'000, "Weight of delayed frees, readers and bursts."),
    IntParameter("world", 30, 0, 1'000'000, "Weight of stops, collections and pending calls."),
    IntParameter("states", 15, 0, 1'000'000, "Weight of thread states in other hands."),
    IntParameter("trade", 5, 0, 1'000'000, "Weight of data between interpreters."),
    IntParameter("doomed", 5, 0, 1'000'000, "Weight of interpreters that end under threads."),
    IntParameter("fork_percent", 8, 0, 100, "Of 100 rounds, in how many one thread forks."),
    IntParameter("fault_percent", 15, 0, 100, "Of 100 rounds, in how many allocations fail."),
    IntParameter("faults_per_million", 500, 0, 1'000'000,
                 "Of a million allocations of such a round, how many fail."),
    DurationParameter("child_deadline", absl::Seconds(10), absl::Milliseconds(100),
                      absl::Minutes(10), "How long a child may take; longer under sanitizers."),
};

class Mixed final : public RoundScenario {
 public:
  explicit Mixed(const Parameters& parameters)
      : RoundScenario(parameters, kRoundsPerClosing),
        lives_(parameters.GetInt("lives")),
        operations_(ScaledLoad(parameters.GetInt("operations"), 100)),
        fork_percent_(static_cast<uint64_t>(parameters.GetInt("fork_percent"))),
        fault_percent_(static_cast<uint64_t>(parameters.GetInt("fault_percent"))),
        faults_per_million_(static_cast<uint32_t>(parameters.GetInt("faults_per_million"))),
        child_deadline_(parameters.GetDuration("child_deadline") * kPatienceFactor),
        counts_(64, 32, 2),
        containers_(static_cast<size_t>(threads())),
        types_(10, 32, 4),
        rings_({.worker_count = static_cast<size_t>(threads()),
                .number_limit = kRingNumbers,
                .shared_per_mille = 200,
                .weak_per_mille = 400,
                .save_per_mille = 100}),
        states_(kStatePlaces, 6),
        trade_(static_cast<size_t>(threads())),
        doomed_(2),
        shares_{&counts_, &containers_, &types_, &rings_, &blocks_,
                &world_,  &states_,     &trade_, &doomed_},
        held_(static_cast<size_t>(threads())) {
    for (size_t i = 0; i < kShareCount; ++i) weights_[i] = parameters.GetInt(kWeightNames[i]);
  }

  absl::Status SetUp(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    if (!context.interpreter().Quiesce(main)) return WasShutDown();
    return context.interpreter().Snapshot(main, &start_) ? absl::OkStatus() : WasShutDown();
  }

 private:
  absl::Status BeginRound(ScenarioContext& context) override {
    Prng& prng = context.prng();
    for (Traffic* const share : shares_) {
      const absl::Status status = share->Create(context);
      if (!status.ok()) return status;
    }
    DrawWeights(prng);
    constexpr int64_t kThresholds[] = {0, 60, 700, rt::kDefaultCollectThreshold};
    rt::SetCollectThreshold(context.interpreter(), kThresholds[prng.Below(std::size(kThresholds))]);
    // A stop within an operation, for want of memory, is no moment to fork.
    const bool faulty = prng.Chance(fault_percent_, 100);
    if (faulty) faults_.emplace();
    forks_in_round_ = !faulty && prng.Chance(fork_percent_, 100);
    return absl::OkStatus();
  }

  // Which systems meet, and how often, differs from round to round.
  void DrawWeights(Prng& prng) {
    constexpr int64_t kFactors[] = {0, 1, 1, 3};
    total_weight_ = 0;
    for (size_t i = 0; i < kShareCount; ++i) {
      round_weights_[i] = weights_[i] * kFactors[prng.Below(std::size(kFactors))];
      total_weight_ += round_weights_[i];
    }
    if (total_weight_ != 0) return;
    round_weights_ = weights_;
    for (const int64_t weight : weights_) total_weight_ += weight;
  }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    std::optional<FaultyThread> faulty;
    if (faults_.has_value()) faulty.emplace(worker.prng.Next() | 1, faults_per_million_);
    const int64_t fork_life =
        forks_in_round_ && worker.index == 0 ? worker.prng.Between(0, lives_ - 1) : -1;
    absl::Status status;
    for (int64_t life = 0; status.ok() && life < lives_; ++life) {
      status = Live(context, worker, life == fork_life);
      if (context.ShouldStop()) break;
    }
    // relaxed: a statistic, judged when no thread works any more.
    if (faulty.has_value()) {
      fault_count_.fetch_add(FaultyThread::fault_count(), std::memory_order_relaxed);
    }
    return status;
  }

  absl::Status Live(ScenarioContext& context, Worker& worker, bool forks) {
    rt::ThreadState* const state = rt::NewThreadState(context.interpreter());
    if (state == nullptr) return Tolerate(NoMemory());
    if (!rt::Attach(*state)) {
      rt::ReleaseThreadState(state);
      return WasShutDown();
    }
    Held& held = held_[static_cast<size_t>(worker.index)];
    TrafficThread thread{context, *state, static_cast<size_t>(worker.index), worker.prng, held};
    const int64_t count = worker.prng.Between(1, 2 * operations_);
    const int64_t fork_at = forks ? worker.prng.Between(1, count) : 0;
    absl::Status status;
    for (int64_t i = 1; status.ok() && i <= count; ++i) {
      status = i == fork_at ? ForkOnce(thread) : Tolerate(Draw(worker.prng).Operate(thread));
      if (!status.ok() || i % kOperationsPerBreath != 0) continue;
      context.progress().Count(kOperationsPerBreath);
      status = Breathe(*state, worker.prng, 256);
      if (context.ShouldStop()) break;
    }
    if (absl::IsAborted(status)) {
      rt::ReleaseThreadState(state);
      return status;
    }
    End(thread);
    return status;
  }

  // No safe point: what others queue meanwhile is for the exit.
  void End(TrafficThread& thread) {
    if (thread.prng.Chance(7, 8)) counts_.GiveAway(thread.state, thread.held, thread.prng);
    for (rt::Object* const object : std::exchange(thread.held, {})) {
      rt::Decref(thread.state, object);
    }
    Leave(thread.state);
  }

  Traffic& Draw(Prng& prng) {
    auto draw = static_cast<int64_t>(prng.Below(static_cast<uint64_t>(total_weight_)));
    size_t share = 0;
    while (draw >= round_weights_[share]) draw -= round_weights_[share++];
    return *shares_[share];
  }

  // Want of memory is what a round with faults is about.
  absl::Status Tolerate(absl::Status status) {
    if (!faults_.has_value() || !absl::IsResourceExhausted(status)) return status;
    // relaxed: a statistic, judged when no thread works any more.
    refused_.fetch_add(1, std::memory_order_relaxed);
    return absl::OkStatus();
  }

  absl::Status ForkOnce(TrafficThread& thread) {
    auto channel = ChildChannel::Make();
    if (!channel.ok()) return channel.status();
    const pid_t parent = getpid();
    const pid_t child = rt::Fork(thread.state);
    if (child == 0) {
      DieWithHost(parent);
      BeChild(thread, *channel);
    }
    if (child < 0) {
      return absl::ResourceExhaustedError(absl::StrFormat("fork failed: %s", strerror(errno)));
    }
    rt::ScopedDetach detached(thread.state);
    ScenarioContext& context = thread.context;
    const absl::Status status = CollectChild(
        child, *channel, child_deadline_, [&context] { context.progress().Heartbeat(); }, found());
    // relaxed: a statistic, judged when no thread works any more.
    forks_.fetch_add(1, std::memory_order_relaxed);
    return detached.End() ? status : WasShutDown();
  }

  // The whole life of a child. `thread.state` is its only thread state.
  [[noreturn]] void BeChild(TrafficThread& thread, ChildChannel& channel) {
    ScenarioContext context({.runtime = &thread.context.runtime(),
                             .interpreter = &thread.context.interpreter(),
                             .main_thread = &thread.state,
                             .seed = thread.prng.Next()});
    ViolationList found;
    TrafficThread survivor{context, thread.state, thread.worker, thread.prng, thread.held};
    absl::Status status;
    Traffic* const usable[] = {&counts_, &containers_, &types_, &rings_, &blocks_};
    for (int64_t i = 0; status.ok() && i < operations_; ++i) {
      status = usable[thread.prng.Below(std::size(usable))]->Operate(survivor);
    }
    if (status.ok()) status = Close(context, /*in_child=*/true, found);
    if (!status.ok()) channel.Exit(kChildError, status.ToString());
    ExitWithViolations(channel, found);
  }

  absl::Status EndRound(ScenarioContext& context) override {
    faults_.reset();
    if (!ClosesRound(context, kRoundsPerClosing)) return absl::OkStatus();
    const absl::Status status = Close(context, /*in_child=*/false, found());
    ++closings_;
    resident_bytes_ = ResidentBytes();
    if (closings_ <= kWarmUpClosings) warm_bytes_ = std::max(warm_bytes_, resident_bytes_);
    // What is broken stays broken: the rest of the run would tell nothing more.
    if (!found().empty()) context.RequestStop();
    return status;
  }

  // Drops, merges and collects everything, and compares with the start.
  absl::Status Close(ScenarioContext& context, bool in_child, ViolationList& out) {
    rt::ThreadState& main = context.main_thread();
    for (Held& held : held_) {
      for (rt::Object* const object : std::exchange(held, {})) rt::Decref(main, object);
    }
    // First the world, which thaws; last the rings, which collect.
    world_.DropAll(context);
    for (Traffic* const share : shares_) {
      if (share == &world_ || share == &rings_) continue;
      in_child ? share->DropAllInChild(context) : share->DropAll(context);
    }
    rings_.DropAll(context);
    for (int i = 0; i <= BlockTraffic::kNestingDepth; ++i) {
      if (!context.interpreter().Quiesce(main)) return WasShutDown();
    }
    for (Traffic* const share : shares_) {
      if (!in_child || (share != &trade_ && share != &doomed_)) share->Judge(out);
    }
    rt::BalanceSnapshot now;
    if (!context.interpreter().Snapshot(main, &now)) return WasShutDown();
    Compare(now, in_child ? "in a child" : "after a closing", out);
    return absl::OkStatus();
  }

  void Compare(const rt::BalanceSnapshot& now, std::string_view moment, ViolationList& out) const {
    const auto expect = [&](std::string_view what, int64_t at_start, int64_t at_end) {
      if (at_start == at_end) return;
      out.Add("closing-balance", absl::StrFormat("%s were %d at the start and are %d %s", what,
                                                 at_start, at_end, moment));
    };
    for (size_t i = 0; i < now.references_by_type.size(); ++i) {
      expect(absl::StrFormat("references to type %d", i), start_.references_by_type[i],
             now.references_by_type[i]);
    }
    expect("live blocks", start_.LiveBlockCount(), now.LiveBlockCount());
    expect("thread states", start_.thread_state_count, now.thread_state_count);
    expect("QSBR slots", start_.qsbr_slot_count, now.qsbr_slot_count);
    expect("queued objects", 0, now.queued_object_count);
    expect("delayed frees", 0, now.delayed_free_count);
    expect("bytes of delayed frees", 0, now.delayed_free_bytes);
    // Two of a thread that has a second thread state, one of each that lies in a place.
    const int64_t most = start_.parked_bundle_count + 2 * threads() + 2 * int64_t{kStatePlaces};
    if (now.parked_bundle_count > most) {
      out.Add("parked-bundles", absl::StrFormat("%d bundles are parked %s; at most %d can have "
                                                "been in use at a time",
                                                now.parked_bundle_count, moment, most));
    }
  }

  void DropAll(ScenarioContext& context) override {
    faults_.reset();
    rt::SetCollectThreshold(context.interpreter(), rt::kDefaultCollectThreshold);
    if (!Close(context, /*in_child=*/false, found()).ok()) {
      found().Add("closing-balance", "the main thread state was shut down");
    }
  }

  void Conclude(ScenarioContext& context) override {
    // relaxed, all: no thread works any more.
    context.Measure("closings_count", closings_);
    context.Measure("forks_count", forks_.load(std::memory_order_relaxed));
    context.Measure("faults_count", fault_count_.load(std::memory_order_relaxed));
    context.Measure("refused_count", refused_.load(std::memory_order_relaxed));
    context.Measure("collections_count", Grown(rt::Counter::kCollections));
    context.Measure("struck_count", doomed_.struck_count());
    context.Measure("shut_down_count", doomed_.shut_down_count());
    context.Measure("bound_count", states_.bound_count());
    context.Measure("resident_warm_bytes", warm_bytes_);
    context.Measure("resident_end_bytes", resident_bytes_);
    if (closings_ == 0 && rounds_done() > 0) found().AddUnreached("no round dropped everything");
    const int64_t bound = warm_bytes_ + warm_bytes_ / 2 + kGrowthBytes;
    if (!kJudgesResidentMemory || closings_ <= kWarmUpClosings || resident_bytes_ <= bound) return;
    found().Add("resident-memory",
                absl::StrFormat("%d bytes are resident after %d closings; at most %d should",
                                resident_bytes_, closings_, bound));
  }

  const int64_t lives_;
  const int64_t operations_;
  const uint64_t fork_percent_;
  const uint64_t fault_percent_;
  const uint32_t faults_per_million_;
  const absl::Duration child_deadline_;
  CountTraffic counts_;
  ContainerTraffic containers_;
  TypeTraffic types_;
  RingShare rings_;
  BlockTraffic blocks_;
  WorldTraffic world_;
  StateTraffic states_;
  TradeShare trade_;
  DoomedTraffic doomed_;
  const std::array<Traffic*, kShareCount> shares_;
  std::array<int64_t, kShareCount> weights_ = {};
  // Of the round.
  std::array<int64_t, kShareCount> round_weights_ = {};
  int64_t total_weight_ = 0;
  std::optional<FaultRound> faults_;
  bool forks_in_round_ = false;

  std::vector<Held> held_;  // By worker.
  rt::BalanceSnapshot start_;
  int64_t closings_ = 0;
  int64_t warm_bytes_ = 0;
  int64_t resident_bytes_ = 0;
  rt::Atomic<int64_t> forks_{0};
  rt::Atomic<int64_t> fault_count_{0};
  rt::Atomic<int64_t> refused_{0};
};

}  // namespace

extern const ScenarioDeclaration kMixedDeclaration = {
    .name = "mixed",
    .summary = "Operations of all systems, drawn by weight, on objects that all share.",
    .stresses =
        "every system beside every other: counts and queues of owners that leave, types, cycles, "
        "weak references and finalizers under collection, lock-free readers of containers and "
        "blocks, delayed frees, freelists, stops, pending calls, thread states that others bind or "
        "clear, interpreters that are finalized with threads inside or trade data, forks, "
        "allocations that fail",
    .method =
        "`rounds` rounds of `threads` OS threads; each lives `lives` lives of about `operations` "
        "operations, drawn by the weights, of which every round leaves some out and triples "
        "others. In `fork_percent` of the rounds one thread forks, in `fault_percent` allocations "
        "fail at random. Every few rounds everything is dropped, merged and collected; a child "
        "does the same.",
    .holds_if =
        "every value read is what was written, every finalizer, callback and pending call ran "
        "exactly once, and whenever everything was dropped references by type, live blocks, "
        "delayed frees, queues, slots and thread states are exactly those of the start, in "
        "children too",
    .exercises = "all ten systems, and the substrate",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<Mixed>,
};

}  // namespace stressd::host
