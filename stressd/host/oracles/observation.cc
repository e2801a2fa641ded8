#include "stressd/host/oracles/observation.h"

#include "absl/status/status.h"
#include "runtime/base/atomic.h"
#include "runtime/base/futex.h"
#include "runtime/object/destroy.h"
#include "runtime/object/object_space.h"
#include "runtime/object/type.h"
#include "runtime/state/runtime.h"
#include "runtime/state/stop_the_world.h"
#include "runtime/state/thread_state.h"

namespace stressd::host {
namespace {

// 64: destructors run by one turn may queue or delay more for the next; a chain
// of that many turns does not come to rest at all.
constexpr int kMaxQuiesceTurns = 64;

// 1000 readings, 1 ms apart: a second.
constexpr int kMaxSettleReadings = 1000;
constexpr int64_t kSettlePauseNs = 1'000'000;

absl::Status ShutDown() {
  return absl::AbortedError("the observing thread state was shut down during the run");
}

// Repeats Quiesce() until nothing is queued or delayed, or the turns are used
// up: what is left then is for the oracles to report.
absl::Status ComeToRest(rt::Interpreter& interpreter, rt::ThreadState& caller,
                        rt::BalanceSnapshot* balance) {
  for (int turn = 0; turn < kMaxQuiesceTurns; ++turn) {
    if (!interpreter.Quiesce(caller)) return ShutDown();
    rt::ClearObjectFreelists(caller);
    if (!interpreter.Snapshot(caller, balance)) return ShutDown();
    if (balance->queued_object_count == 0 && balance->delayed_free_count == 0 &&
        balance->freelist_object_count == 0) {
      break;
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string TypeName(const rt::Interpreter& interpreter, size_t index) {
  char name[rt::kTypeNameBytes] = {};
  rt::TypeStatName(interpreter.space(), index, name);
  return name;
}

absl::StatusOr<Observation> Observe(rt::Interpreter& interpreter, rt::ThreadState& caller,
                                    const Observation* baseline) {
  Observation observation;
  const absl::Status rest = ComeToRest(interpreter, caller, &observation.balance);
  if (!rest.ok()) return rest;
  if (!rt::StopTheWorld(caller, rt::StopScope::kInterpreter)) {
    return ShutDown();
  }
  interpreter.SnapshotWorldStopped(caller, &observation.balance);
  // The checker dies of a total that drifted; the oracles say by how much.
  if (baseline == nullptr ||
      observation.balance.references_by_type == baseline->balance.references_by_type) {
    interpreter.CheckInvariantsWorldStopped(caller);
  }
  const rt::Runtime& runtime = interpreter.runtime();
  runtime.ReadCounters(&observation.counters);
  rt::StartTheWorld(caller);
  for (size_t i = 0; i < rt::kReferenceTypeCount; ++i) {
    observation.type_names[i] = TypeName(interpreter, i);
  }
  observation.interpreter_count = runtime.interpreter_count();
  observation.runtime_reference_total = runtime.ReadReferenceTotal();
  if (baseline == nullptr) StartSanitizerThread();
  observation.process = ReadProcessUsage();
  if (baseline == nullptr) return observation;
  const rt::Atomic<uint32_t> never_woken{0};
  for (int i = 0; i < kMaxSettleReadings; ++i) {
    if (observation.process.thread_count <= baseline->process.thread_count) {
      break;
    }
    rt::FutexWait(never_woken, 0, kSettlePauseNs);
    observation.process = ReadProcessUsage();
  }
  return observation;
}

}  // namespace stressd::host
