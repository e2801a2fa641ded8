// Litmus scenarios of thread states: attaching against a scan or a stop, and what a
// thread state leaves behind against whoever takes it.

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/str_format.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/atomic.h"
#include "runtime/object/object_space.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/litmus_scenario.h"
#include "stressd/host/scenarios/marked_number.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// Attach against poll: a block is unlinked and its goal polled while a reader attaches
// and looks for it.
class LitmusAttachPoll final : public LitmusScenario {
 public:
  explicit LitmusAttachPoll(const Parameters& parameters) : LitmusScenario(parameters, kOutcomes) {}

 private:
  enum : size_t { kMissed, kReadBefore, kHeldBack, kFreed };
  static constexpr Outcome kOutcomes[] = {
      {"missed", Grade::kAcceptable, "the reader came after it was unlinked"},
      {"read_before", Grade::kInteresting, "the reader had left again when the goal was polled"},
      {"held_back", Grade::kInteresting, "the reader had it, and the goal was not reached"},
      {"freed_under_reader", Grade::kForbidden, "the goal was reached while the reader had it"},
  };

  // Stands for a block of memory: what is freed is only marked.
  struct Block {
    rt::Atomic<uint32_t> freed{0};
  };

  absl::Status Prepare(Party&, size_t state) override {
    // relaxed, both: ordered by the barrier.
    blocks_[state].freed.store(0, std::memory_order_relaxed);
    cells_[state].store(&blocks_[state], std::memory_order_relaxed);
    return absl::OkStatus();
  }

  void Strike(Party& party, size_t state) override {
    if (party.index == 0) {
      reached_[state] = Unlink(party, state);
      return;
    }
    rt::Detach(party.state);
    Linger(party);
    // The run's thread states are never shut down.
    if (!rt::Attach(party.state)) return;
    // (LS1) acquire load, synchronizes with (LS2): as a reader of the runtime core.
    const Block* const found = cells_[state].load(std::memory_order_acquire);
    seen_[state] = kMissed;
    if (found == nullptr) return;
    seen_[state] = kReadBefore;
    Linger(party);
    // Reads it for a while, until its next detach.
    for (uint64_t turn = party.prng.Below(24) + 1; turn > 0; --turn) {
      // relaxed: seeing the mark at all is the finding.
      if (found->freed.load(std::memory_order_relaxed) != 0) seen_[state] = kFreed;
    }
  }

  // Returns whether the block could be freed at once.
  bool Unlink(Party& party, size_t state) {
    rt::QsbrShared& qsbr = party.state.space->qsbr;
    // (LS2) acq_rel exchange, synchronizes with the load (LS1) in Strike(): who finds
    //       null sees everything before.
    Block* const block = cells_[state].exchange(nullptr, std::memory_order_acq_rel);
    const rt::QsbrSequence goal = qsbr.Advance();
    qsbr.QuiescentState(*party.state.qsbr_slot);
    if (!qsbr.Poll(*party.state.qsbr_slot, goal)) return false;
    // relaxed: see Strike().
    block->freed.store(1, std::memory_order_relaxed);
    return true;
  }

  size_t Judge(Party&, size_t state) override {
    return seen_[state] == kReadBefore && !reached_[state] ? size_t{kHeldBack} : seen_[state];
  }

  std::array<Block, kStrideStates> blocks_;
  std::array<rt::Atomic<Block*>, kStrideStates> cells_;
  std::array<bool, kStrideStates> reached_ = {};  // Of the owner.
  std::array<size_t, kStrideStates> seen_ = {};   // Of the reader.
};

// Stop against attach: a thread detaches and attaches while another one stops and
// starts the world.
class LitmusStopAttach final : public LitmusScenario {
 public:
  explicit LitmusStopAttach(const Parameters& parameters) : LitmusScenario(parameters, kOutcomes) {}

 private:
  enum : size_t { kAttachedFirst, kStoppedFirst, kWaited, kFoundAway, kInStop, kNotStopped };
  static constexpr Outcome kOutcomes[] = {
      {"attached_first", Grade::kAcceptable, "it attached before the stop, which waited for it"},
      {"stopped_first", Grade::kAcceptable, "the stop was over before"},
      {"waited", Grade::kInteresting, "it began to attach before the stop ended, and waited"},
      {"found_away", Grade::kInteresting, "the stop met it detached and did not wait for it"},
      {"attached_in_stop", Grade::kForbidden, "it was attached while the world was stopped"},
      {"seen_attached", Grade::kForbidden, "the stopped world had an attached thread"},
  };
  enum : uint32_t { kNotYet = 0, kInside = 1, kOver = 2 };

  absl::Status Begin(Party& owner) override {
    owner_ = &owner.state;
    return absl::OkStatus();
  }

  absl::Status Prepare(Party&, size_t state) override {
    // relaxed: ordered by the barrier.
    phases_[state].store(kNotYet, std::memory_order_relaxed);
    return absl::OkStatus();
  }

  void Strike(Party& party, size_t state) override {
    rt::Atomic<uint32_t>& phase = phases_[state];
    if (party.index != 0) {
      if (!rt::StopTheWorld(party.state, rt::StopScope::kInterpreter)) return;
      // relaxed, all: the hand-shake of the stop is what is to order them.
      phase.store(kInside, std::memory_order_relaxed);
      met_[state] = rt::StatusOf(*owner_);
      Linger(party, 15);
      phase.store(kOver, std::memory_order_relaxed);
      rt::StartTheWorld(party.state);
      return;
    }
    rt::Detach(party.state);
    Linger(party, 15);
    const uint32_t before = phase.load(std::memory_order_relaxed);
    if (!rt::Attach(party.state)) return;
    const uint32_t after = phase.load(std::memory_order_relaxed);
    seen_[state] = after == kInside   ? kInStop
                   : after == kNotYet ? kAttachedFirst
                   : before == kOver  ? kStoppedFirst
                                      : kWaited;
  }

  size_t Judge(Party&, size_t state) override {
    if (met_[state] == rt::ThreadStatus::kAttached) return kNotStopped;
    if (seen_[state] == kInStop || seen_[state] == kWaited) return seen_[state];
    return met_[state] == rt::ThreadStatus::kSuspended ? size_t{kFoundAway} : seen_[state];
  }

  rt::ThreadState* owner_ = nullptr;
  std::array<rt::Atomic<uint32_t>, kStrideStates> phases_;
  std::array<rt::ThreadStatus, kStrideStates> met_ = {};  // Of the stopper.
  std::array<size_t, kStrideStates> seen_ = {};           // Of the one that attaches.
};

// Id reuse: thread states are deleted while others are made, which get their slots and
// their heaps.
class LitmusIdReuse final : public LitmusScenario {
 public:
  explicit LitmusIdReuse(const Parameters& parameters) : LitmusScenario(parameters, kOutcomes) {}

 private:
  enum : size_t { kFresh, kReused, kIdAgain, kSlotShared, kWrongValue };
  static constexpr Outcome kOutcomes[] = {
      {"fresh_slot", Grade::kAcceptable, "a slot that none of this stride's had before"},
      {"reused_slot", Grade::kInteresting, "the slot of one that was deleted meanwhile"},
      {"id_again", Grade::kForbidden, "an id was given twice"},
      {"slot_shared", Grade::kForbidden, "two living thread states have one slot"},
      {"wrong_value", Grade::kForbidden, "an object of a new one was written by somebody else"},
  };

  struct Going {
    rt::ThreadState* thread = nullptr;
    uint64_t id = 0;
    const rt::QsbrSlot* slot = nullptr;
  };
  struct Made {
    rt::ThreadState* thread = nullptr;
    rt::Object* number = nullptr;
  };

  absl::Status PrepareStride(Party& owner) override {
    rt::ScopedDetach detached(owner.state);
    absl::Status status;
    for (Going& going : going_) {
      rt::ThreadState* const thread = rt::NewThreadState(owner.context.interpreter());
      if (thread == nullptr) status = NoMemory();
      if (thread == nullptr || !rt::Attach(*thread)) break;
      // So that it has heaps to leave behind.
      if (rt::Number* const number = rt::NumberNew(*thread, 0)) {
        rt::Decref(*thread, rt::AsObject(number));
      }
      rt::Detach(*thread);
      going = {thread, thread->owner_id, thread->qsbr_slot};
    }
    return detached.End() ? status : WasShutDown();
  }

  void Strike(Party& party, size_t state) override {
    if (party.index == 0) {
      rt::ThreadState* const victim = going_[state].thread;
      if (victim == nullptr) return;
      rt::ClearThreadState(party.state, *victim);
      rt::DeleteThreadState(party.state, *victim);
      rt::ReleaseThreadState(victim);
      return;
    }
    Made& made = made_[state];
    made.number = nullptr;
    rt::ScopedDetach detached(party.state);
    made.thread = rt::NewThreadState(party.context.interpreter());
    if (made.thread != nullptr && rt::Attach(*made.thread)) {
      const auto low = static_cast<uint32_t>(state);
      rt::Number* const number = rt::NumberNew(*made.thread, MarkedNumber(low));
      if (number != nullptr) made.number = rt::AsObject(number);
      rt::Detach(*made.thread);
    }
    (void)detached.End();
  }

  absl::Status SettleStride(Party& owner) override {
    slots_.clear();
    for (const Made& made : made_) {
      if (made.thread == nullptr) return NoMemory();
      slots_.push_back(made.thread->qsbr_slot);
    }
    slots_.push_back(owner.state.qsbr_slot);
    std::sort(slots_.begin(), slots_.end());
    return absl::OkStatus();
  }

  size_t Judge(Party& owner, size_t state) override {
    const Made& made = made_[state];
    const uint64_t id = made.thread->owner_id;
    const rt::QsbrSlot* const slot = made.thread->qsbr_slot;
    const auto low = static_cast<uint32_t>(state);
    const bool whole = made.number == nullptr || rt::NumberValue(made.number) == MarkedNumber(low);
    if (made.number != nullptr) rt::Decref(owner.state, made.number);
    rt::ClearThreadState(owner.state, *made.thread);
    rt::DeleteThreadState(owner.state, *made.thread);
    rt::ReleaseThreadState(made.thread);
    if (!whole) return kWrongValue;
    // Ids are drawn from one count, and states are made one after the other.
    const bool is_new = id > last_id_ && id > going_[kStrideStates - 1].id;
    last_id_ = id;
    if (!is_new) return kIdAgain;
    const auto range = std::equal_range(slots_.begin(), slots_.end(), slot);
    if (range.second - range.first != 1) return kSlotShared;
    for (const Going& going : going_) {
      if (going.slot == slot) return kReused;
    }
    return kFresh;
  }

  std::array<Going, kStrideStates> going_;
  std::array<Made, kStrideStates> made_;  // Of the other party.
  std::vector<const rt::QsbrSlot*> slots_;
  uint64_t last_id_ = 0;
};

// Abandon against free: a thread state leaves with live blocks, which another thread
// frees at the same moment.
class LitmusAbandonFree final : public LitmusScenario {
 public:
  explicit LitmusAbandonFree(const Parameters& parameters)
      : LitmusScenario(parameters, kOutcomes) {}

 private:
  static constexpr size_t kBlocks = 4;
  // 16: to come to rest takes as long as a stride.
  static constexpr int64_t kStridesPerCount = 16;
  enum : size_t { kFreedFirst, kFreedAcross, kFreedParked, kBlockLost, kBlockBroken };
  static constexpr Outcome kOutcomes[] = {
      {"freed_first", Grade::kAcceptable, "the blocks were free before it began to leave"},
      {"freed_across", Grade::kInteresting, "the blocks became free while it left"},
      {"freed_parked", Grade::kAcceptable, "its heaps were parked or adopted already"},
      {"block_lost", Grade::kForbidden, "a freed block is counted as live"},
      {"block_broken", Grade::kForbidden, "a block did not hold what was written"},
  };
  enum : uint32_t { kNotYet = 0, kLeaving = 1, kLeft = 2 };

  absl::Status Begin(Party& owner) override { return CountBlocks(owner, &start_count_); }

  static absl::Status CountBlocks(Party& owner, int64_t* count) {
    rt::Interpreter& interpreter = owner.context.interpreter();
    rt::BalanceSnapshot balance;
    if (!interpreter.Quiesce(owner.state)) return WasShutDown();
    if (!interpreter.Snapshot(owner.state, &balance)) return WasShutDown();
    *count = balance.LiveBlockCount();
    return absl::OkStatus();
  }

  absl::Status PrepareStride(Party& owner) override {
    rt::ScopedDetach detached(owner.state);
    absl::Status status;
    for (size_t state = 0; status.ok() && state < kStrideStates; ++state) {
      // relaxed: ordered by the barrier.
      phases_[state].store(kNotYet, std::memory_order_relaxed);
      rt::ThreadState* const thread = rt::NewThreadState(owner.context.interpreter());
      leaving_[state] = thread;
      if (thread == nullptr || !rt::Attach(*thread)) {
        status = NoMemory();
        break;
      }
      for (size_t i = 0; i < kBlocks; ++i) {
        auto* const block = static_cast<int64_t*>(
            rt::AllocateBlock(*thread, rt::HeapKind::kMemory, sizeof(int64_t) << i));
        if (block == nullptr) status = NoMemory();
        if (block != nullptr) *block = MarkedNumber(static_cast<uint32_t>(state + i));
        blocks_[state][i] = block;
      }
      rt::Detach(*thread);
    }
    return detached.End() ? status : WasShutDown();
  }

  void Strike(Party& party, size_t state) override {
    rt::Atomic<uint32_t>& phase = phases_[state];
    // relaxed, all: only tells which of the two was first.
    if (party.index == 0) {
      rt::ScopedDetach detached(party.state);
      if (rt::Attach(*leaving_[state])) {
        phase.store(kLeaving, std::memory_order_relaxed);
        Leave(*leaving_[state]);
      }
      phase.store(kLeft, std::memory_order_relaxed);
      (void)detached.End();
      return;
    }
    const uint32_t before = phase.load(std::memory_order_relaxed);
    bool whole = true;
    for (size_t i = 0; i < kBlocks; ++i) {
      int64_t* const block = blocks_[state][i];
      whole = whole && *block == MarkedNumber(static_cast<uint32_t>(state + i));
      rt::HeapFree(block);
    }
    const uint32_t after = phase.load(std::memory_order_relaxed);
    seen_[state] = !whole             ? kBlockBroken
                   : before == kLeft  ? kFreedParked
                   : after == kNotYet ? kFreedFirst
                                      : kFreedAcross;
  }

  absl::Status SettleStride(Party& owner) override {
    if (++strides_ % kStridesPerCount != 0) return absl::OkStatus();
    int64_t count = start_count_;
    const absl::Status status = CountBlocks(owner, &count);
    lost_count_ = std::max<int64_t>(0, count - start_count_);
    return status;
  }

  void End(Party& owner, ViolationList& out) override {
    int64_t count = start_count_;
    if (!CountBlocks(owner, &count).ok() || count == start_count_) return;
    out.Add("litmus", absl::StrFormat("%d blocks are live at the end, %d were at the start", count,
                                      start_count_));
  }

  size_t Judge(Party&, size_t state) override {
    // Which ones is not known: the first so many.
    return static_cast<int64_t>(state) < lost_count_ ? size_t{kBlockLost} : seen_[state];
  }

  int64_t start_count_ = 0;
  int64_t strides_ = 0;
  int64_t lost_count_ = 0;
  std::array<rt::ThreadState*, kStrideStates> leaving_ = {};
  std::array<std::array<int64_t*, kBlocks>, kStrideStates> blocks_ = {};
  std::array<rt::Atomic<uint32_t>, kStrideStates> phases_;
  std::array<size_t, kStrideStates> seen_ = {};  // Of the one that frees.
};

}  // namespace

extern const ScenarioDeclaration kLitmusAbandonFreeDeclaration = {
    .name = "litmus-abandon-free",
    .summary = "A thread state leaves with live blocks that another thread frees.",
    .stresses = "blocks freed into heaps that are owned, being parked, parked or adopted",
    .method =
        "The owner prepares 256 detached thread states with four blocks each. It attaches, clears "
        "and deletes each; the other party frees its blocks. After every 16 strides and at the end "
        "the interpreter comes to rest and its live blocks are counted.",
    .holds_if =
        "at rest there are as many live blocks as at the start, and each held what was written; "
        "`freed_across` is reached, `block_lost` and `block_broken` are forbidden",
    .exercises = "the memory heap, parked heap bundles, clearing of thread states",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusAbandonFree>,
};

extern const ScenarioDeclaration kLitmusAttachPollDeclaration = {
    .name = "litmus-attach-poll",
    .summary = "A goal is polled while a reader attaches and looks for what was unlinked.",
    .stresses = "the order of a slot's first sequence, the unlinking and the scan of the slots",
    .method =
        "The owner takes 256 blocks out of their cells, advances the write sequence and polls for "
        "the goal; a block whose goal is reached is marked as freed. The reader detaches, "
        "attaches and reads each block that it finds for a while.",
    .holds_if =
        "no block is marked while the reader reads it; `read_before` and `held_back` are reached, "
        "`freed_under_reader` is forbidden",
    .exercises = "QSBR sequences, slots and goals, attach and detach",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusAttachPoll>,
};

extern const ScenarioDeclaration kLitmusIdReuseDeclaration = {
    .name = "litmus-id-reuse",
    .summary = "Thread states are deleted while others are made.",
    .stresses = "ids, QSBR slots and heaps that change hands",
    .method =
        "The owner prepares 256 thread states and deletes them; the other party makes 256 at the "
        "same time, and an object in each.",
    .holds_if =
        "no id is given twice, no two living thread states have one slot, every object holds what "
        "was written; `reused_slot` is reached, `id_again`, `slot_shared` and `wrong_value` are "
        "forbidden",
    .exercises = "thread states, QSBR slots, merge table, parked heap bundles",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusIdReuse>,
};

extern const ScenarioDeclaration kLitmusStopAttachDeclaration = {
    .name = "litmus-stop-attach",
    .summary = "The world is stopped while a thread detaches and attaches.",
    .stresses = "the compare-exchange on which a stop and a thread agree who was first",
    .method =
        "One party stops and starts the world 256 times, the owner detaches and attaches as "
        "often. Both note what they saw of the other.",
    .holds_if =
        "the owner is never attached in a stopped world; `waited` and `found_away` are reached, "
        "`attached_in_stop` and `seen_attached` are forbidden",
    .exercises = "stop-the-world, attach and detach, fair start",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusStopAttach>,
};

}  // namespace stressd::host
