#include "stressd/host/oracles/heap_balance.h"

#include <cstddef>

#include "absl/strings/str_format.h"

namespace stressd::host {
namespace {

constexpr const char* kHeapNames[] = {"mem", "object", "gc", "gc-pre"};
static_assert(std::size(kHeapNames) == rt::kHeapKindCount);

}  // namespace

void JudgeHeapBalance(const Observation& before, const Observation& after, ViolationList& out) {
  for (size_t heap = 0; heap < rt::kHeapKindCount; ++heap) {
    const rt::HeapUsage& was = before.balance.heaps[heap];
    const rt::HeapUsage& is = after.balance.heaps[heap];
    if (is.block_count == was.block_count && is.block_bytes == was.block_bytes) {
      continue;
    }
    out.Add("heap-balance",
            absl::StrFormat("%+d live blocks and %+d bytes in the %s heaps: "
                            "there were %d blocks of %d bytes and are %d of %d",
                            is.block_count - was.block_count, is.block_bytes - was.block_bytes,
                            kHeapNames[heap], was.block_count, was.block_bytes, is.block_count,
                            is.block_bytes));
  }
}

}  // namespace stressd::host
