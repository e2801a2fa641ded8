#include "runtime/base/config.h"
#include "runtime/base/sanitizer.h"
#include "stressd/host/flavor.h"
#include "stressd/protocol/build_id.h"

namespace stressd::host {

std::string_view FlavorName() {
#if RT_TSAN
  return "tsan";
#elif RT_ASAN
  return "asan";
#elif !RT_CHECKS
  return "bench";
#else
  return "plain";
#endif
}

std::string FlavorBuildId() { return protocol::OwnBuildId(); }

std::string_view RefusalOfOthers() { return {}; }

}  // namespace stressd::host
