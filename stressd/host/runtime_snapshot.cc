#include "stressd/host/runtime_snapshot.h"

#include "runtime/state/interpreter.h"
#include "runtime/state/thread_state.h"
#include "stressd/host/balance_message.h"

namespace stressd::host {
namespace {

// Appends a snapshot. False when the interpreter lets nobody attach.
bool AddSnapshot(rt::Interpreter& interpreter, protocol::SnapshotResult& result) {
  rt::ScopedThreadState thread(interpreter);
  rt::BalanceSnapshot balance;
  if (!thread || !interpreter.Snapshot(*thread, &balance)) return false;
  rt::CounterTotals counters;
  interpreter.ReadCounters(&counters);
  // The caller's own thread state is not the runtime's business.
  balance.thread_state_count -= 1;
  balance.qsbr_slot_count -= 1;
  protocol::InterpreterSnapshot* out = result.add_interpreters();
  out->set_interpreter_id(static_cast<int64_t>(interpreter.id()));
  FillBalance(balance, interpreter, out->mutable_balance());
  FillCounters(counters, out->mutable_counters());
  return true;
}

}  // namespace

protocol::SnapshotResult TakeSnapshot(rt::Runtime& runtime, ObservationGate& gate) {
  protocol::SnapshotResult result;
  rt::Interpreter* live = nullptr;
  if (!gate.Enter(&live)) {
    result.set_error("a run is being judged; ask again");
    return result;
  }
  rt::Interpreter* main = runtime.main_interpreter();
  const bool main_taken = main == nullptr || AddSnapshot(*main, result);
  const bool live_taken = live == nullptr || AddSnapshot(*live, result);
  gate.Leave();
  if (!main_taken || !live_taken) {
    result.set_error("an interpreter is being finalized, or memory is short");
  }
  return result;
}

}  // namespace stressd::host
