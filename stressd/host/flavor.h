// The flavor this host was built as.
#ifndef STRESSD_HOST_FLAVOR_H_
#define STRESSD_HOST_FLAVOR_H_

#include <string_view>

#include "runtime/base/config.h"
#include "runtime/base/sanitizer.h"

namespace stressd::host {

// plain, asan, tsan or bench: what bazel/flavor_table.bzl set, as far as the
// compiler can tell.
constexpr std::string_view FlavorName() {
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

}  // namespace stressd::host

#endif  // STRESSD_HOST_FLAVOR_H_
