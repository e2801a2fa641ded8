#include "stressd/host/oracles/counter_conservation.h"

#include <cstdint>

#include "absl/strings/str_format.h"
#include "absl/types/span.h"

namespace stressd::host {
namespace {

using rt::Counter;

// Counters of things that begin, and of things that end; kNone: nothing.
constexpr Counter kNone = Counter::kCount;
struct Account {
  const char* what;
  Counter begun[2];
  Counter ended[3];
  // How many live, for what need not come back to its baseline; null: none more.
  int64_t rt::BalanceSnapshot::* living = nullptr;
};

constexpr Account kAccounts[] = {
    {"numbers", {Counter::kNumbersCreated, kNone}, {Counter::kNumbersDestroyed, kNone, kNone}},
    {"lists", {Counter::kListsCreated, kNone}, {Counter::kListsDestroyed, kNone, kNone}},
    {"instances",
     {Counter::kInstancesCreated, kNone},
     {Counter::kInstancesDestroyed, kNone, kNone}},
    {"types", {Counter::kTypesCreated, kNone}, {Counter::kTypesDestroyed, kNone, kNone}},
    {"thread states",
     {Counter::kThreadStatesCreated, kNone},
     {Counter::kThreadStatesDestroyed, kNone, kNone}},
    {"heap bundles in use",
     {Counter::kHeapBundlesCreated, Counter::kHeapBundlesAdopted},
     {Counter::kHeapBundlesAbandoned, kNone, kNone},
     &rt::BalanceSnapshot::bundles_in_use_count},
    {"objects queued for a merge",
     {Counter::kObjectsQueued, kNone},
     {Counter::kObjectsMergedFromQueue, Counter::kObjectsMergedForeign,
      Counter::kObjectsMergedForDetached}},
    {"delayed frees",
     {Counter::kDelayedFreesEnqueued, kNone},
     {Counter::kDelayedFreesDone, kNone, kNone}},
    {"delayed bytes",
     {Counter::kDelayedBytesEnqueued, kNone},
     {Counter::kDelayedBytesFreed, kNone, kNone}},
};

// What the counters of one side grew by.
int64_t Growth(const Observation& before, const Observation& after,
               absl::Span<const Counter> side) {
  int64_t growth = 0;
  for (const Counter counter : side) {
    if (counter != kNone) growth += after.counters.Get(counter) - before.counters.Get(counter);
  }
  return growth;
}

}  // namespace

void JudgeCounterConservation(const Observation& before, const Observation& after,
                              ViolationList& out) {
  for (const Account& account : kAccounts) {
    const int64_t begun = Growth(before, after, account.begun);
    const int64_t ended = Growth(before, after, account.ended);
    const int64_t living = account.living == nullptr
                               ? 0
                               : after.balance.*account.living - before.balance.*account.living;
    const int64_t surplus = begun - ended - living;
    if (surplus == 0) continue;
    out.Add("counter-conservation", absl::StrFormat("%+d %s: during the run %d began and %d ended",
                                                    surplus, account.what, begun, ended));
  }
}

}  // namespace stressd::host
