#include "stressd/host/dead_thread_stacks.h"

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

TEST(DeadThreadStacksTest, TheCacheIsAddedToWhatTheUserSet) {
  EXPECT_EQ(TunablesWithStackCache(""), "glibc.pthread.stack_cache_size=1099511627776");
  EXPECT_EQ(TunablesWithStackCache("glibc.malloc.check=1"),
            "glibc.malloc.check=1:glibc.pthread.stack_cache_size=1099511627776");
}

TEST(DeadThreadStacksTest, AProgramIsStartedAgainOnlyOnce) {
  EXPECT_EQ(TunablesWithStackCache(TunablesWithStackCache("").value()), std::nullopt);
  EXPECT_EQ(TunablesWithStackCache("glibc.pthread.stack_cache_size=1"), std::nullopt);
}

}  // namespace
}  // namespace stressd::host
