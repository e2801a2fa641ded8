#include "runtime/stats/counter.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>
#include <string_view>

namespace rt {
namespace {

TEST(CounterTest, NamesAreDistinctSnakeCaseAndEndInTheirUnit) {
  std::set<std::string> names;
  for (std::size_t index = 0; index < kCounterCount; ++index) {
    const CounterInfo& info = GetCounterInfo(static_cast<Counter>(index));
    const std::string name = info.name;
    EXPECT_TRUE(names.insert(name).second) << name;
    for (const char c : name) {
      EXPECT_TRUE(std::islower(static_cast<unsigned char>(c)) || c == '_') << name;
    }
    switch (info.unit) {
      case CounterUnit::kEvents:
        EXPECT_TRUE(name.ends_with("_count")) << name;
        break;
      case CounterUnit::kNanoseconds:
        EXPECT_TRUE(name.ends_with("_ns")) << name;
        break;
      case CounterUnit::kBytes:
        EXPECT_TRUE(name.ends_with("_bytes")) << name;
        break;
    }
    EXPECT_TRUE(std::string_view(info.help).ends_with('.')) << name;
  }
}

TEST(CounterTest, TableStandsInTheOrderOfTheEnumeration) {
  // One from each group: a missing or doubled row shifts those behind it.
  EXPECT_STREQ(GetCounterInfo(Counter::kThreadStatesCreated).name, "thread_state_created_count");
  EXPECT_STREQ(GetCounterInfo(Counter::kStoppedNs).name, "stopped_ns");
  EXPECT_STREQ(GetCounterInfo(Counter::kTypesDestroyed).name, "type_destroyed_count");
  EXPECT_STREQ(GetCounterInfo(Counter::kTryIncrefFailures).name, "try_incref_failure_count");
  EXPECT_STREQ(GetCounterInfo(Counter::kListResizes).name, "list_resize_count");
  EXPECT_STREQ(GetCounterInfo(Counter::kDelayedBytesFreed).name, "delayed_freed_bytes");
  EXPECT_STREQ(GetCounterInfo(Counter::kDelayedBytesFreed).name, "delayed_freed_bytes");
  EXPECT_STREQ(GetCounterInfo(Counter::kAllocationFailures).name, "allocation_failure_count");
  EXPECT_STREQ(GetCounterInfo(Counter::kFreelistOverflows).name, "freelist_overflow_count");
}

TEST(CounterDeathTest, UnknownCounterDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(GetCounterInfo(Counter::kCount), "COUNTER-I1");
}

}  // namespace
}  // namespace rt
