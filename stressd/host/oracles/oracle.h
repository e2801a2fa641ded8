// Oracle: a judge of what a run left behind, whatever the run itself checks.
//
// Model.  An oracle compares the observation before a run with the one after it
//   and reports what should not differ. Every oracle judges every run; the
//   process oracles, which look outside the runtime core, do not judge a forked
//   child, whose descriptors and threads are not those of the baseline.
// Thread safety.  Pure functions of their arguments.

#ifndef STRESSD_HOST_ORACLES_ORACLE_H_
#define STRESSD_HOST_ORACLES_ORACLE_H_

#include <string_view>

#include "absl/types/span.h"
#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

using JudgeFunction = void (*)(const Observation& before, const Observation& after,
                               ViolationList& out);

struct Oracle {
  std::string_view name;  // Also the `oracle` of its violations.
  std::string_view doc;   // One sentence: what must hold.
  bool process = false;   // Looks outside the runtime core.
  JudgeFunction judge = nullptr;
};

// Returns every oracle, sorted by name.
absl::Span<const Oracle> Oracles();

enum class JudgeScope {
  kEverything,
  kRuntimeOnly,  // Without the process oracles: a forked child, a run with a race report.
};

// Lets every oracle of `scope` judge. `moment`, as in "after the run", stands
// at the end of each message.
void JudgeAll(const Observation& before, const Observation& after, JudgeScope scope,
              std::string_view moment, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_ORACLE_H_
