// A kernel that must fail, so that a silent engine is noticed.
//
//   canary-lost-update  two threads add without an atomic step: one update may be lost

#include <atomic>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {

void CanaryLostUpdate() {
  rt::Atomic<int64_t> count{0};
  const auto add = [&] {
    // relaxed, both: no race of C++, the wrong thing all the same.
    const int64_t seen = count.load(std::memory_order_relaxed);
    count.store(seen + 1, std::memory_order_relaxed);
  };
  RunTogether({add, add});
  Judge(count.load(std::memory_order_relaxed) == 2, "an update was lost");
}

}  // namespace stressd::kernels
