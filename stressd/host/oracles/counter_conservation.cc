#include "stressd/host/oracles/counter_conservation.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace stressd::host {
namespace {

using rt::Counter;

// Things that are counted when they begin and when they end.
struct Pair {
  const char* what;
  Counter begun;
  Counter ended;
};

constexpr Pair kPairs[] = {
    {"numbers", Counter::kNumbersCreated, Counter::kNumbersDestroyed},
    {"lists", Counter::kListsCreated, Counter::kListsDestroyed},
    {"instances", Counter::kInstancesCreated, Counter::kInstancesDestroyed},
    {"types", Counter::kTypesCreated, Counter::kTypesDestroyed},
};

int64_t Alive(const Observation& observation, const Pair& pair) {
  return observation.counters.Get(pair.begun) - observation.counters.Get(pair.ended);
}

}  // namespace

void JudgeCounterConservation(const Observation& before, const Observation& after,
                              ViolationList& out) {
  for (const Pair& pair : kPairs) {
    const int64_t was = Alive(before, pair);
    const int64_t is = Alive(after, pair);
    if (is == was) continue;
    out.Add("counter-conservation",
            absl::StrFormat("%+d %s: %d were created and %d destroyed during "
                            "the run",
                            is - was, pair.what,
                            after.counters.Get(pair.begun) - before.counters.Get(pair.begun),
                            after.counters.Get(pair.ended) - before.counters.Get(pair.ended)));
  }
}

}  // namespace stressd::host
