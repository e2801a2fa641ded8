// The litmus scenario of the parking lot: a mutex changes hands.

#include <algorithm>
#include <array>
#include <cstdint>
#include <thread>

#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/sync/mutex.h"
#include "stressd/host/scenarios/litmus_scenario.h"

namespace stressd::host {
namespace {

// Every so many states the owner keeps the mutex for longer than a waiter waits
// before it is handed the mutex.
constexpr size_t kLongHoldEvery = 128;
constexpr int64_t kLongHoldNs = rt::Mutex::kFairnessNs + rt::Mutex::kFairnessNs / 4;
// Some of the others give up after 0 to 20 us.
constexpr int64_t kLongestTryNs = 20'000;

class LitmusLockHandover final : public LitmusScenario {
 public:
  explicit LitmusLockHandover(const Parameters& parameters)
      : LitmusScenario(parameters, kOutcomes) {}

 private:
  enum : size_t { kAlone, kWaited, kTimedOut, kHandedOver, kLostUpdate, kLeftLocked };
  static constexpr Outcome kOutcomes[] = {
      {"alone", Grade::kAcceptable, "nobody waited"},
      {"waited", Grade::kInteresting, "one side had to wait"},
      {"timed_out", Grade::kInteresting, "one side gave up"},
      {"handed_over", Grade::kInteresting, "one side slept until it was handed the mutex"},
      {"lost_update", Grade::kForbidden, "two threads were inside at a time"},
      {"left_locked", Grade::kForbidden, "the mutex is locked and nobody is inside"},
  };

  struct State {
    rt::Mutex mutex;
    int64_t value = 0;  // Guarded by `mutex`.
  };
  struct Visit {
    bool inside = false;
    int64_t waited_ns = 0;
    bool waited = false;
  };

  absl::Status Prepare(Party&, size_t state) override {
    states_[state].value = 0;
    return absl::OkStatus();
  }

  void Strike(Party& party, size_t state) override ABSL_NO_THREAD_SAFETY_ANALYSIS {
    State& struck = states_[state];
    Visit& visit = visits_[static_cast<size_t>(party.index)][state];
    visit = {};
    visit.inside = struck.mutex.TryLock();
    if (!visit.inside) {
      visit.waited = true;
      const int64_t start_ns = rt::MonotonicNanoseconds();
      if (party.index != 0 && party.prng.Chance(1, 2)) {
        visit.inside = struck.mutex.LockFor(party.prng.Between(0, kLongestTryNs));
      } else {
        struck.mutex.Lock();
        visit.inside = true;
      }
      visit.waited_ns = rt::MonotonicNanoseconds() - start_ns;
    }
    if (!visit.inside) return;
    // Not atomic: an increment is lost when somebody else is inside.
    const int64_t value = struck.value;
    Linger(party, 7);
    if (party.index == 0 && state % kLongHoldEvery == 0) HoldLong();
    struck.value = value + 1;
    struck.mutex.Unlock();
  }

  static void HoldLong() {
    const int64_t end_ns = rt::MonotonicNanoseconds() + kLongHoldNs;
    // Where one processor is free the others begin to wait, and give up, meanwhile.
    while (rt::MonotonicNanoseconds() < end_ns) std::this_thread::yield();
  }

  size_t Judge(Party&, size_t state) override ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const Visit& first = visits_[0][state];
    const Visit& second = visits_[1][state];
    const State& struck = states_[state];
    if (struck.mutex.IsLocked()) return kLeftLocked;
    if (struck.value != int64_t{first.inside} + int64_t{second.inside}) return kLostUpdate;
    if (!first.inside || !second.inside) return kTimedOut;
    if (std::max(first.waited_ns, second.waited_ns) >= rt::Mutex::kFairnessNs) return kHandedOver;
    return first.waited || second.waited ? kWaited : kAlone;
  }

  std::array<State, kStrideStates> states_;
  std::array<std::array<Visit, kStrideStates>, 2> visits_;
};

}  // namespace

extern const ScenarioDeclaration kLitmusLockHandoverDeclaration = {
    .name = "litmus-lock-handover",
    .summary = "Two threads take the same mutexes, wait, give up and are handed them.",
    .stresses =
        "the parking lot: a waiter against an unlocker, against its own timeout, and the "
        "direct hand-over after 1 ms",
    .method =
        "256 mutexes guard a plain number each. Both parties lock each mutex and add 1; half of "
        "the second's waits have a timeout of up to 20 us, and every 128th time the owner stays "
        "inside for 1.25 ms.",
    .holds_if =
        "the numbers are the locks that succeeded, and every mutex is free at the end; `waited`, "
        "`timed_out` and `handed_over` are reached, `lost_update` and `left_locked` are forbidden",
    .exercises = "mutexes, the parking lot, futexes",
    .parameters = kLitmusParameters,
    .rounds_parameter = "strides",
    .create = &CreateScenario<LitmusLockHandover>,
};

}  // namespace stressd::host
