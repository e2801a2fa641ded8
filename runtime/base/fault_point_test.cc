#include "runtime/base/fault_point.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "runtime/base/raw_memory.h"

namespace rt {
namespace {

bool FailRawAllocate(const char* name) { return std::strcmp(name, "base.raw_allocate") == 0; }

TEST(FaultPointTest, NothingFailsWithoutAHook) { EXPECT_FALSE(FaultPoint("test.point")); }

TEST(FaultPointTest, HookDecidesByName) {
  EXPECT_EQ(SetFaultHook(&FailRawAllocate), nullptr);
  EXPECT_FALSE(FaultPoint("test.point"));
  EXPECT_TRUE(FaultPoint("base.raw_allocate"));
  EXPECT_EQ(RawAllocate(64, 64), nullptr);
  EXPECT_EQ(SetFaultHook(nullptr), &FailRawAllocate);
  EXPECT_FALSE(FaultPoint("base.raw_allocate"));
}

TEST(RawMemoryTest, IsZeroedAndAligned) {
  for (const std::size_t alignment : {std::size_t{1}, std::size_t{64}, std::size_t{4096}}) {
    unsigned char* const memory = static_cast<unsigned char*>(RawAllocate(200, alignment));
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % alignment, 0u);
    for (int i = 0; i < 200; ++i) EXPECT_EQ(memory[i], 0);
    std::memset(memory, 0xff, 200);
    RawFree(memory);
  }
  RawFree(nullptr);
}

}  // namespace
}  // namespace rt
