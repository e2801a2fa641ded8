#include "stressd/host/scenarios/doomed_round.h"

#include "absl/strings/str_format.h"
#include "runtime/base/futex.h"

namespace stressd::host {
namespace {

void Announce(DoomedRound& round, uint32_t batch_count) {
  // relaxed: only the number counts.
  round.batches.fetch_add(batch_count, std::memory_order_relaxed);
  rt::FutexWake(&round.batches, 1);
}

// Works until somebody shuts the thread state down.
absl::Status WorkUntilStruck(ScenarioContext& context, DoomedRound& round, Victim& victim,
                             Worker& worker) {
  for (;;) {
    switch (round.doomed.Work(*victim.thread, worker.prng, kDoomedBatch)) {
      case DoomedInterpreter::Outcome::kShutDown:
        rt::ReleaseThreadState(victim.thread);
        return absl::OkStatus();
      case DoomedInterpreter::Outcome::kOutOfMemory:
        Retire(*victim.thread);
        Announce(round, round.strike_after);  // R2.
        return absl::ResourceExhaustedError("no memory in a struck thread");
      case DoomedInterpreter::Outcome::kDone:
        context.progress().Count(kDoomedBatch);
        Announce(round, 1);
    }
    // relaxed: a flag; a late reader does one batch more.
    if (round.give_up.load(std::memory_order_relaxed) != 0) {
      Retire(*victim.thread);
      return absl::OkStatus();
    }
  }
}

// Works, then leaves the detached thread state to the finalizer.
absl::Status WorkAndPark(ScenarioContext& context, DoomedRound& round, Victim& victim,
                         Worker& worker) {
  const int64_t batch_count = worker.prng.Between(0, round.batches_per_park);
  for (int64_t i = 0; i < batch_count; ++i) {
    // Nobody shuts it down before it is parked, and lack of memory only makes
    // the rest shorter.
    if (round.doomed.Work(*victim.thread, worker.prng, kDoomedBatch) !=
        DoomedInterpreter::Outcome::kDone) {
      break;
    }
    context.progress().Count(kDoomedBatch);
  }
  rt::Detach(*victim.thread);
  victim.left = worker.prng.Chance(1, 2);
  if (victim.left) {
    round.parked.Arrive();
    return absl::OkStatus();
  }
  (void)round.parked.ArriveAndWait();  // Always opened.
  if (rt::Attach(*victim.thread)) {
    round.found->Add("late-attach",
                     absl::StrFormat("a deleted thread state was attached (%s)", round.moment));
    Retire(*victim.thread);
    return absl::OkStatus();
  }
  rt::ReleaseThreadState(victim.thread);
  return absl::OkStatus();
}

}  // namespace

void Retire(rt::ThreadState& thread) {
  rt::ClearThreadState(thread, thread);
  rt::DeleteThreadState(thread, thread);
}

absl::Status BeVictim(ScenarioContext& context, DoomedRound& round, Victim& victim,
                      Worker& worker) {
  bool rooted = false;
  if (rt::Attach(*victim.thread)) {
    rooted = round.doomed.Root(*victim.thread);
    rt::Detach(*victim.thread);
  }
  // relaxed: ordered by the gate.
  if (!rooted) round.failed.fetch_add(1, std::memory_order_relaxed);
  const bool played = round.rooted.ArriveAndWait();
  // Not played, or struck already: shut down.
  if (!played || !rt::Attach(*victim.thread)) {
    rt::ReleaseThreadState(victim.thread);
    if (rooted) return absl::OkStatus();
    return absl::ResourceExhaustedError("no memory for a thread's root");
  }
  return round.strike == Strike::kClear ? WorkAndPark(context, round, victim, worker)
                                        : WorkUntilStruck(context, round, victim, worker);
}

void AwaitBatches(DoomedRound& round) {
  for (;;) {
    // relaxed: only the number counts.
    const uint32_t done = round.batches.load(std::memory_order_relaxed);
    if (done >= round.strike_after) return;
    rt::FutexWait(round.batches, done, rt::kNoTimeout);
  }
}

}  // namespace stressd::host
