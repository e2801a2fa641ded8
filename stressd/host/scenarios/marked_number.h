// Marked numbers: values that carry their own check digits, so that a reader
// who finds others knows that it holds dead or foreign memory.
//
// Thread safety.  Pure functions.

#ifndef STRESSD_HOST_SCENARIOS_MARKED_NUMBER_H_
#define STRESSD_HOST_SCENARIOS_MARKED_NUMBER_H_

#include <cstdint>

namespace stressd::host {

// Returns a value whose lower half is `low` and whose upper half is a hash of it.
constexpr int64_t MarkedNumber(uint32_t low) {
  const uint32_t high = (low ^ 0x7feb352du) * 0x846ca68bu;
  return static_cast<int64_t>((static_cast<uint64_t>(high) << 32) | low);
}

constexpr bool IsMarkedNumber(int64_t value) {
  return value == MarkedNumber(static_cast<uint32_t>(value));
}

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_MARKED_NUMBER_H_
