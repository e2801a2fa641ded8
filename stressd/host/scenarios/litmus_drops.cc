// Litmus scenarios of counts: who drops the last reference, while the other side
// merges, counts or leaves.

#include <array>
#include <cstdint>
#include <iterator>

#include "runtime/object/destroy.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/litmus_deaths.h"
#include "stressd/host/scenarios/litmus_scenario.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// The frame of the four: an object per state, one or two references to it, one death.
class DropLitmus : public LitmusScenario {
 protected:
  explicit DropLitmus(const Parameters& parameters, absl::Span<const Outcome> outcomes = kOutcomes)
      : LitmusScenario(parameters, outcomes) {}

  absl::Status Begin(Party& owner) override {
    owner_id_ = owner.state.owner_id;
    return deaths_.Create(owner.state);
  }
  void End(Party& owner, ViolationList&) override { deaths_.Drop(owner.state); }

  absl::Status Prepare(Party& owner, size_t state) override {
    struck_[state] = nullptr;
    rt::Object* const object = deaths_.New(owner.state, state);
    if (object == nullptr) return NoMemory();
    rt::Incref(owner.state, object);
    struck_[state] = object;
    return absl::OkStatus();
  }

  size_t Judge(Party&, size_t state) override {
    const int64_t count = deaths_.count(state);
    if (count != 1) return count == 0 ? kLost : kTwice;
    return deaths_.owner_id(state) == owner_id_ ? kByOwner : kByOther;
  }

  enum : size_t { kByOwner, kByOther, kLost, kTwice };
  static constexpr Outcome kOutcomes[] = {
      {"died_with_owner", Grade::kInteresting, "the owner dropped or merged the last reference"},
      {"died_with_other", Grade::kInteresting, "the other party dropped the last reference"},
      {"lost", Grade::kForbidden, "both references were dropped and the object lives"},
      {"died_twice", Grade::kForbidden, "its finalizer ran more than once"},
  };

  LitmusDeaths deaths_;
  std::array<rt::Object*, kStrideStates> struck_ = {};
  uint64_t owner_id_ = 0;
};

// Decref against merge: the owner takes its ownership off an object that another
// thread drops at the same moment.
class LitmusDecrefMerge final : public DropLitmus {
 public:
  explicit LitmusDecrefMerge(const Parameters& parameters) : DropLitmus(parameters) {}

 private:
  void Strike(Party& party, size_t state) override {
    rt::Object* const object = struck_[state];
    if (party.index != 0) {
      rt::Decref(party.state, object);
    } else if (state % 2 == 0) {
      // Our reference keeps the count above 0.
      (void)rt::ExplicitMerge(party.state, object, 0);
      rt::Decref(party.state, object);
    } else if (rt::ExplicitMerge(party.state, object, -1) == 0) {
      // The merge has dropped our reference, and it was the last one.
      rt::Destroy(party.state, object);
    }
  }
};

// Decref against decref of an object without owner, with a count up and down on the
// way: every step is one atomic operation of both sides on one word.
class LitmusSharedCount final : public DropLitmus {
 public:
  explicit LitmusSharedCount(const Parameters& parameters) : DropLitmus(parameters) {}

 private:
  absl::Status Prepare(Party& owner, size_t state) override {
    const absl::Status status = DropLitmus::Prepare(owner, state);
    if (status.ok()) (void)rt::ExplicitMerge(owner.state, struck_[state], 0);
    return status;
  }

  void Strike(Party& party, size_t state) override {
    rt::Object* const object = struck_[state];
    rt::Incref(party.state, object);
    rt::Decref(party.state, object);
    rt::Decref(party.state, object);
  }
};

// Queue against owner exit: the only reference to an object is dropped while the
// thread state that owns it attaches and leaves for good.
class LitmusQueueExit final : public DropLitmus {
 public:
  explicit LitmusQueueExit(const Parameters& parameters) : DropLitmus(parameters) {}

 private:
  absl::Status PrepareStride(Party& owner) override {
    rt::ScopedDetach detached(owner.state);
    absl::Status status;
    for (size_t state = 0; status.ok() && state < kStrideStates; ++state) {
      leaving_[state] = rt::NewThreadState(owner.context.interpreter());
      if (leaving_[state] == nullptr) {
        status = NoMemory();
      } else if (!rt::Attach(*leaving_[state])) {
        status = WasShutDown();
      } else {
        struck_[state] = deaths_.New(*leaving_[state], state);
        if (struck_[state] == nullptr) status = NoMemory();
        rt::Detach(*leaving_[state]);
      }
    }
    return detached.End() ? status : WasShutDown();
  }

  void Strike(Party& party, size_t state) override {
    if (party.index != 0) {
      other_id_ = party.state.owner_id;
      rt::Decref(party.state, struck_[state]);
      return;
    }
    rt::ScopedDetach detached(party.state);
    if (rt::Attach(*leaving_[state])) Leave(*leaving_[state]);
    // The owner's thread state is never shut down.
    (void)detached.End();
  }

  size_t Judge(Party&, size_t state) override {
    const int64_t count = deaths_.count(state);
    if (count != 1) return count == 0 ? kLost : kTwice;
    return deaths_.owner_id(state) == other_id_ ? kByOther : kByOwner;
  }

  std::array<rt::ThreadState*, kStrideStates> leaving_ = {};
  uint64_t other_id_ = 0;  // Written by the other party.
};

// Decref against a blocked owner: the only reference to an object is dropped while the
// thread state that owns it is detached, and later while it comes back for a moment.
class LitmusBlockedOwner final : public DropLitmus {
 public:
  explicit LitmusBlockedOwner(const Parameters& parameters)
      : DropLitmus(parameters, kBlockedOutcomes) {}

 private:
  // As in DropLitmus, and one more.
  enum : size_t { kWaits = kTwice + 1 };
  static constexpr Outcome kBlockedOutcomes[] = {
      {"died_with_owner", Grade::kInteresting, "the owner was back and merged it"},
      {"died_with_other", Grade::kInteresting, "who dropped it merged on behalf of the owner"},
      {"lost", Grade::kForbidden, "the reference was dropped, the owner was back, and it lives"},
      {"died_twice", Grade::kForbidden, "its finalizer ran more than once"},
      {"waits", Grade::kForbidden, "it was dropped, and waits for an owner that does not come"},
  };
  static_assert(std::size(kBlockedOutcomes) == kWaits + 1);
  // Up to here the owner stays away.
  static constexpr size_t kAwayStates = kStrideStates / 2;

  absl::Status Begin(Party& owner) override {
    blocked_ = rt::NewThreadState(owner.context.interpreter());
    if (blocked_ == nullptr) return NoMemory();
    return DropLitmus::Begin(owner);
  }

  void End(Party& owner, ViolationList& out) override {
    if (blocked_ != nullptr) {
      rt::ClearThreadState(owner.state, *blocked_);
      rt::DeleteThreadState(owner.state, *blocked_);
      rt::ReleaseThreadState(blocked_);
    }
    DropLitmus::End(owner, out);
  }

  absl::Status PrepareStride(Party& owner) override {
    // relaxed, both: the other party is at the barrier.
    is_back_.store(false, std::memory_order_relaxed);
    may_come_.store(false, std::memory_order_relaxed);
    waits_ = {};
    absl::Status status;
    const absl::Status visit = AsBlocked(owner, [&] {
      owner_id_ = blocked_->owner_id;
      for (size_t state = 0; status.ok() && state < kStrideStates; ++state) {
        struck_[state] = deaths_.New(*blocked_, state);
        if (struck_[state] == nullptr) status = NoMemory();
      }
    });
    return visit.ok() ? status : visit;
  }

  void Strike(Party& party, size_t state) override {
    if (party.index == 0) {
      if (state < kAwayStates) return;
      // acquire, pairs with the release store below: waits for nothing but the number.
      while (!may_come_.load(std::memory_order_acquire)) {
        Linger(party, 64);
        (void)rt::SafePoint(party.state);
      }
      // (LB1) release, pairs with the load in the other branch: who has met the owner
      //       attached sees this.
      is_back_.store(true, std::memory_order_release);
      (void)AsBlocked(party, [&] {
        Linger(party);
        (void)rt::SafePoint(*blocked_);
      });
      return;
    }
    rt::Decref(party.state, struck_[state]);
    if (deaths_.count(state) == 0) {
      (void)rt::SafePoint(party.state);
      // (LB1) acquire, pairs with the store above.
      waits_[state] = deaths_.count(state) == 0 && !is_back_.load(std::memory_order_acquire);
    }
    // release, pairs with the acquire load above.
    if (state == kAwayStates - 1) may_come_.store(true, std::memory_order_release);
  }

  absl::Status SettleStride(Party& owner) override {
    return AsBlocked(owner, [&] { (void)rt::SafePoint(*blocked_); });
  }

  size_t Judge(Party& owner, size_t state) override {
    return waits_[state] ? kWaits : DropLitmus::Judge(owner, state);
  }

  // Does `action` with the blocked owner attached instead of the party.
  template <typename Action>
  absl::Status AsBlocked(Party& party, Action action) {
    rt::ScopedDetach detached(party.state);
    const bool attached = rt::Attach(*blocked_);
    if (attached) {
      action();
      rt::Detach(*blocked_);
    }
    return detached.End() && attached ? absl::OkStatus() : WasShutDown();
  }

  rt::ThreadState* blocked_ = nullptr;
  std::array<bool, kStrideStates> waits_ = {};  // Written by the other party.
  rt::Atomic<bool> is_back_{false};
  rt::Atomic<bool> may_come_{false};  // The first states are over.
};

constexpr std::string_view kDropHolds =
    "every object died exactly once: `died_with_owner` and `died_with_other` are both reached, "
    "`lost` and `died_twice` are forbidden";

}  // namespace

extern const ScenarioDeclaration kLitmusDecrefMergeDeclaration = {
    .name = "litmus-decref-merge",
    .summary = "An owner merges an object explicitly while another thread drops a reference to it.",
    .stresses = "the hand-over of a count from its owner to the shared word",
    .method =
        "The owner prepares 256 objects with two references each. It merges each explicitly and "
        "drops one, in one step or in two; the other party drops the other one, which hands it to "
        "the owner's queue when it comes before the merge.",
    .holds_if = kDropHolds,
    .exercises = "biased reference counting, explicit merge, merge queues",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusDecrefMerge>,
};

extern const ScenarioDeclaration kLitmusQueueExitDeclaration = {
    .name = "litmus-queue-exit",
    .summary = "The last reference to an object is dropped while its owner leaves.",
    .stresses =
        "the end of a merge queue, and the owner that is detached, borrowed, attached, clearing "
        "and gone in turn",
    .method =
        "The owner prepares 256 detached thread states, each of which owns an object with one "
        "reference. It attaches, clears and deletes each; the other party drops the reference.",
    .holds_if = kDropHolds,
    .exercises = "merge queues, borrowed thread states, clearing of thread states",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusQueueExit>,
};

extern const ScenarioDeclaration kLitmusBlockedOwnerDeclaration = {
    .name = "litmus-blocked-owner",
    .summary = "The last reference to an object is dropped while its owner is detached.",
    .stresses =
        "merging on behalf of a detached owner, and the owner that comes back in the middle of it",
    .method =
        "A thread state makes 256 objects with one reference and detaches. The other party drops "
        "each; at the first 128 nobody attaches the owner, at the others it attaches and detaches "
        "all the time.",
    .holds_if =
        "every object died exactly once, and at once as long as its owner stayed away: "
        "`died_with_owner` and `died_with_other` are both reached, `waits`, `lost` and "
        "`died_twice` are forbidden",
    .exercises = "merge queues, borrowed thread states, attach and detach",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusBlockedOwner>,
};

extern const ScenarioDeclaration kLitmusSharedCountDeclaration = {
    .name = "litmus-shared-count",
    .summary = "Two threads count an object without owner up and down until both have dropped it.",
    .stresses = "the atomicity of every step on the shared word, and the last of them",
    .method =
        "The owner prepares 256 merged objects with two references. Each party takes one more "
        "reference and drops two.",
    .holds_if = kDropHolds,
    .exercises = "biased reference counting without an owner",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusSharedCount>,
};

}  // namespace stressd::host
