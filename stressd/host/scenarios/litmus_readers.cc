// Litmus scenarios of readers without a lock: what they find dies, moves or is
// forgotten at the same moment.

#include <array>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/litmus_deaths.h"
#include "stressd/host/scenarios/litmus_scenario.h"
#include "stressd/host/scenarios/marked_number.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// A new reference to a number that says `low`, for readers of other threads.
rt::Object* NewReadable(rt::ThreadState& thread, size_t low) {
  rt::Number* const number = rt::NumberNew(thread, MarkedNumber(static_cast<uint32_t>(low)));
  if (number == nullptr) return nullptr;
  rt::SetMaybeWeakref(rt::AsObject(number));
  return rt::AsObject(number);
}

bool Says(const rt::Object* object, size_t low) {
  return rt::IsNumber(object) &&
         rt::NumberValue(object) == MarkedNumber(static_cast<uint32_t>(low));
}

// Push against try-incref: an object is unlinked, pushed on a freelist and made again
// while a reader that has found it tries for a reference.
class LitmusPushTryIncref final : public LitmusScenario {
 public:
  explicit LitmusPushTryIncref(const Parameters& parameters)
      : LitmusScenario(parameters, kOutcomes) {}

 private:
  enum : size_t { kMissed, kTaken, kRefused, kTooLate, kWrong, kTouched };
  static constexpr Outcome kOutcomes[] = {
      {"missed", Grade::kAcceptable, "the reader came after it was unlinked"},
      {"taken", Grade::kInteresting, "the reader got it while it was linked"},
      {"refused", Grade::kInteresting, "the reader found it and could not get it: it was dead"},
      {"too_late", Grade::kInteresting, "the reader got it when it was unlinked, and let go"},
      {"wrong_value", Grade::kForbidden, "the reader got another object"},
      {"touched", Grade::kForbidden, "the object made after it has a count that is not its own"},
  };

  absl::Status Prepare(Party& owner, size_t state) override {
    rt::Object* const object = NewReadable(owner.state, state);
    if (object == nullptr) return NoMemory();
    // relaxed: ordered by the barrier.
    cells_[state].store(object, std::memory_order_relaxed);
    return absl::OkStatus();
  }

  void Strike(Party& party, size_t state) override {
    rt::Atomic<rt::Object*>& cell = cells_[state];
    if (party.index == 0) {
      // (LR1) acq_rel exchange, synchronizes with the acquire loads (LR2): who finds
      //       null knows that it was unlinked before.
      rt::Decref(party.state, cell.exchange(nullptr, std::memory_order_acq_rel));
      again_[state] = rt::NumberNew(party.state, -1);
      return;
    }
    seen_[state] = Read(party, cell, state);
  }

  static size_t Read(Party& party, const rt::Atomic<rt::Object*>& cell, size_t state) {
    // (LR2) acquire loads, synchronize with the exchange (LR1) in Strike(), and with
    //       what published the object: its number is complete.
    rt::Object* const found = cell.load(std::memory_order_acquire);
    if (found == nullptr) return kMissed;
    Linger(party);
    if (!rt::TryIncref(party.state, found)) return kRefused;
    Linger(party);
    size_t seen = kTooLate;
    if (cell.load(std::memory_order_acquire) == found) seen = Says(found, state) ? kTaken : kWrong;
    rt::Decref(party.state, found);
    return seen;
  }

  size_t Judge(Party& owner, size_t state) override {
    rt::Number* const again = again_[state];
    if (again == nullptr) return seen_[state];  // No memory: nothing to look at.
    const bool alone = rt::IsUniquelyReferenced(owner.state, rt::AsObject(again)) &&
                       rt::NumberValue(rt::AsObject(again)) == -1;
    rt::Decref(owner.state, rt::AsObject(again));
    return alone ? seen_[state] : kTouched;
  }

  std::array<rt::Atomic<rt::Object*>, kStrideStates> cells_;
  std::array<rt::Number*, kStrideStates> again_ = {};
  std::array<size_t, kStrideStates> seen_ = {};  // Of the reader.
};

// Resize against read: a list that is full gets one item more, in a new array, while
// a reader looks for the old items and the new one.
class LitmusResizeRead final : public LitmusScenario {
 public:
  explicit LitmusResizeRead(const Parameters& parameters) : LitmusScenario(parameters, kOutcomes) {}

 private:
  static constexpr size_t kItems = 4;
  enum : size_t { kBefore, kAfter, kAcross, kMissing, kWrong };
  static constexpr Outcome kOutcomes[] = {
      {"before", Grade::kAcceptable, "the reader saw the old items only"},
      {"after", Grade::kInteresting, "the reader saw the new item in the new array"},
      {"across", Grade::kInteresting, "the array was replaced between two looks of the reader"},
      {"missing_item", Grade::kForbidden, "an item that was there all the time was not found"},
      {"wrong_item", Grade::kForbidden, "the reader got an item of another place"},
  };

  static size_t Low(size_t state, size_t index) { return state * 256 + index; }

  absl::Status Prepare(Party& owner, size_t state) override {
    rt::List* const list = rt::ListNew(owner.state, kItems);
    if (list == nullptr) return NoMemory();
    lists_[state] = list;
    // relaxed: nobody else has it yet.
    full_[state] = static_cast<size_t>(list->array.load(std::memory_order_relaxed)->capacity);
    for (size_t index = 0; index < full_[state]; ++index) {
      if (!Append(owner, state)) return NoMemory();
    }
    return absl::OkStatus();
  }

  bool Append(Party& owner, size_t state) {
    rt::List* const list = lists_[state];
    rt::Object* const item =
        NewReadable(owner.state, Low(state, static_cast<size_t>(rt::ListSize(list))));
    const bool done = item != nullptr && rt::ListAppend(owner.state, list, item);
    rt::DecrefIfNotNull(owner.state, item);
    return done;
  }

  void Strike(Party& party, size_t state) override {
    if (party.index == 0) {
      (void)Append(party, state);
    } else {
      seen_[state] = Read(party, state);
    }
  }

  size_t Read(Party& party, size_t state) {
    rt::List* const list = lists_[state];
    // relaxed: only compared.
    const rt::ListArray* const first = list->array.load(std::memory_order_relaxed);
    const size_t index = party.prng.Below(full_[state]);
    rt::Object* const old = rt::ListGet(party.state, list, static_cast<int64_t>(index));
    Linger(party);
    rt::Object* const added = rt::ListGet(party.state, list, static_cast<int64_t>(full_[state]));
    const rt::ListArray* const last = list->array.load(std::memory_order_relaxed);
    size_t seen = first != last ? kAcross : added != nullptr ? kAfter : kBefore;
    if (old == nullptr) seen = kMissing;
    if (old != nullptr && !Says(old, Low(state, index))) seen = kWrong;
    if (added != nullptr && !Says(added, Low(state, full_[state]))) seen = kWrong;
    rt::DecrefIfNotNull(party.state, old);
    rt::DecrefIfNotNull(party.state, added);
    return seen;
  }

  size_t Judge(Party& owner, size_t state) override {
    rt::Decref(owner.state, rt::AsObject(lists_[state]));
    return seen_[state];
  }

  std::array<rt::List*, kStrideStates> lists_ = {};
  std::array<size_t, kStrideStates> full_ = {};
  std::array<size_t, kStrideStates> seen_ = {};  // Of the reader.
};

// Weak reference against death: the last reference is dropped while another thread
// asks a weak reference for the object.
class LitmusWeakDeath final : public LitmusScenario {
 public:
  explicit LitmusWeakDeath(const Parameters& parameters) : LitmusScenario(parameters, kOutcomes) {}

 private:
  enum : size_t { kMissed, kFound, kDiedWithReader, kLost, kTwice, kUncalled, kOutlived };
  static constexpr Outcome kOutcomes[] = {
      {"missed", Grade::kAcceptable, "the reader came after the death"},
      {"found", Grade::kInteresting, "the reader got the object and let go before the owner"},
      {"died_with_reader", Grade::kInteresting, "the reader had the last reference"},
      {"lost", Grade::kForbidden, "every reference was dropped and the object lives"},
      {"died_twice", Grade::kForbidden, "its finalizer ran more than once"},
      {"called_wrongly", Grade::kForbidden, "the callback was not called exactly once"},
      {"outlived", Grade::kForbidden, "the weak reference still names the dead object"},
  };

  absl::Status Begin(Party& owner) override { return deaths_.Create(owner.state, true); }
  void End(Party& owner, ViolationList&) override { deaths_.Drop(owner.state); }

  static void Called(rt::ObjectThread&, rt::WeakReference*, void* context) {
    // relaxed: judged after the barrier.
    static_cast<rt::Atomic<int64_t>*>(context)->fetch_add(1, std::memory_order_relaxed);
  }

  absl::Status Prepare(Party& owner, size_t state) override {
    // relaxed: the parties are at the barrier.
    called_[state].store(0, std::memory_order_relaxed);
    objects_[state] = deaths_.New(owner.state, state);
    if (objects_[state] == nullptr) return NoMemory();
    weak_[state] = rt::WeakReferenceNew(owner.state, objects_[state], &Called, &called_[state]);
    return weak_[state] == nullptr ? NoMemory() : absl::OkStatus();
  }

  void Strike(Party& party, size_t state) override {
    if (party.index == 0) {
      rt::Decref(party.state, objects_[state]);
      return;
    }
    rt::Object* const found = rt::WeakReferenceGet(party.state, weak_[state]);
    found_[state] = found != nullptr;
    if (found != nullptr) Linger(party);
    rt::DecrefIfNotNull(party.state, found);
  }

  size_t Judge(Party& owner, size_t state) override {
    rt::Object* const left = rt::WeakReferenceGet(owner.state, weak_[state]);
    rt::DecrefIfNotNull(owner.state, left);
    rt::Decref(owner.state, rt::AsObject(weak_[state]));
    const int64_t count = deaths_.count(state);
    if (count != 1) return count == 0 ? kLost : kTwice;
    if (left != nullptr) return kOutlived;
    // relaxed: the parties have struck.
    if (called_[state].load(std::memory_order_relaxed) != 1) return kUncalled;
    if (!found_[state]) return kMissed;
    return deaths_.owner_id(state) == owner.state.owner_id ? kFound : kDiedWithReader;
  }

  LitmusDeaths deaths_;
  std::array<rt::Object*, kStrideStates> objects_ = {};
  std::array<rt::WeakReference*, kStrideStates> weak_ = {};
  std::array<rt::Atomic<int64_t>, kStrideStates> called_;
  std::array<bool, kStrideStates> found_ = {};  // Of the reader.
};

}  // namespace

extern const ScenarioDeclaration kLitmusPushTryIncrefDeclaration = {
    .name = "litmus-push-try-incref",
    .summary = "An object goes to a freelist and comes back while a reader tries for it.",
    .stresses = "what lock-free readers may do with the header of a dead object",
    .method =
        "The owner prepares 256 cells with a number each. It takes each out, drops it and makes "
        "another one, which is the same memory; the reader loads the cell, tries for a reference "
        "and looks again whether the cell still holds the number.",
    .holds_if =
        "the reader gets what the cell held or nothing, and the number made afterwards has one "
        "reference; `taken`, `refused` and `too_late` are reached, `wrong_value` and `touched` are "
        "forbidden",
    .exercises = "try-incref, freelists, biased reference counting",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusPushTryIncref>,
};

extern const ScenarioDeclaration kLitmusResizeReadDeclaration = {
    .name = "litmus-resize-read",
    .summary = "A full list grows while a reader looks for its items.",
    .stresses = "the publication of a new array and the release of the old one",
    .method =
        "The owner prepares 256 lists that are full. It appends one item to each; the reader gets "
        "one of the old items and the new one.",
    .holds_if =
        "old items are always found, each in its place, the new one in its place or not; `after` "
        "and `across` are reached, `missing_item` and `wrong_item` are forbidden",
    .exercises = "lists read without a lock, delayed free, try-incref",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusResizeRead>,
};

extern const ScenarioDeclaration kLitmusWeakDeathDeclaration = {
    .name = "litmus-weak-death",
    .summary = "An object dies while another thread asks a weak reference for it.",
    .stresses = "the order of finalizer, weak references and memory when the last count goes",
    .method =
        "The owner prepares 256 objects with one reference and a weak reference with a callback "
        "each. It drops the reference; the reader asks the weak reference and lets go of what it "
        "got.",
    .holds_if =
        "every object died once, its callback was called once and its weak reference names "
        "nothing; `found` and `died_with_reader` are reached, the others but `missed` are "
        "forbidden",
    .exercises = "weak references, finalizers, try-incref, biased reference counting",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusWeakDeath>,
};

}  // namespace stressd::host
