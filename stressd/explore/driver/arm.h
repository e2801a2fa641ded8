// An arm: one strategy with its parameters, as the command line and reports
// write it.
//
//   rw        random walk                pos       partial order sampling
//   urw       uniform random walk        starve    starvation windows
//   pct:D     PCT of depth D, 1 to 8
//
// Thread safety.  Plain data.
#ifndef STRESSD_EXPLORE_DRIVER_ARM_H_
#define STRESSD_EXPLORE_DRIVER_ARM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stressd/explore/exchange.h"

namespace explore {

struct Arm {
  StrategyKind kind = StrategyKind::kRandomWalk;
  uint32_t depth = 0;
  // Calibrated with the arm itself; 0 if unknown.
  uint64_t step_estimate = 0;
  uint64_t thread_steps[kMaxThreads] = {};

  std::string Name() const;
};

// Nothing if `name` is none of the above.
std::optional<Arm> ParseArm(const std::string& name);

// The default portfolio.
std::vector<Arm> Portfolio();

const char* ModelName(MemoryModel model);
std::optional<MemoryModel> ParseModel(const std::string& name);
const char* VerdictName(Verdict verdict);

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_ARM_H_
