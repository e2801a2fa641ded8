// Observation: all that the oracles look at, taken at one quiet moment.
//
// Model.  Observe() first brings the interpreter to rest (merges the queues,
//   frees what is delayed, collects parked heaps, empties the caller's own
//   freelists), then reads the figures and checks every invariant in one stop.
//   The oracles compare two observations: before and after a run.
// Thread safety.  Plain data. Observe(): the attached thread `caller`; exact
//   only if no other thread works in the interpreter.

#ifndef STRESSD_HOST_ORACLES_OBSERVATION_H_
#define STRESSD_HOST_ORACLES_OBSERVATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/state/balance.h"
#include "runtime/state/interpreter.h"
#include "runtime/stats/counter_block.h"
#include "stressd/host/oracles/process_usage.h"

namespace stressd::host {

struct Observation {
  rt::BalanceSnapshot balance;
  // By type as in `balance`; empty: not known.
  std::array<std::string, rt::kReferenceTypeCount> type_names;
  // Of the whole runtime. The counters are those of destroyed interpreters too.
  rt::CounterTotals counters;
  size_t interpreter_count = 0;
  int64_t runtime_reference_total = 0;
  ProcessUsage process;
};

// Returns the name of the type that `index` of the reference totals stands for;
// empty if it stands for none.
std::string TypeName(const rt::Interpreter& interpreter, size_t index);

// Takes an observation of `interpreter`. Dies through RT_CHECK if an invariant
// is broken. AbortedError if the caller's thread state was shut down.
// With a `baseline`, waits up to a second for the number of OS threads to come
// back to it, because a joined thread is visible in /proc for a moment longer;
// and leaves reference totals that differ from it to the oracles, which report
// more than the death of the process would.
absl::StatusOr<Observation> Observe(rt::Interpreter& interpreter, rt::ThreadState& caller,
                                    const Observation* baseline = nullptr);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_OBSERVATION_H_
