#include "runtime/alloc/freelist.h"

#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/alloc/alloc_test_util.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/config.h"
#include "runtime/base/sanitizer.h"
#include "runtime/base/thread_id.h"

namespace rt {
namespace {

constexpr size_t kBytes = 40;
constexpr size_t kProbeBytes = 24;
constexpr int32_t kLimit = 10;

class FreelistTest : public testing::Test {
 protected:
  FreelistTest() : id_(NextThreadStateId()), identity_(id_) {
    hold_.Open();
    bundle_ = HeapBundle::Allocate(hold_.hold());
    bundle_->Bind(id_);
  }
  ~FreelistTest() override {
    list_.Clear();
    EXPECT_EQ(bundle_->CountBlocks().total().block_count, 0);
    HeapBundle::Destroy(bundle_);
  }

  void* New() { return HeapAllocate(bundle_, HeapKind::kObject, kBytes); }

  const ThreadId id_;
  const ScopedIdentity identity_;
  ManualPageHold hold_;
  HeapBundle* bundle_;
  Freelist list_{kLimit, kBytes, kProbeBytes};
};

#if RT_FREELISTS

TEST_F(FreelistTest, LastInFirstOutUpToTheLimit) {
  std::vector<void*> blocks;
  for (int i = 0; i < kLimit; ++i) {
    blocks.push_back(New());
    EXPECT_TRUE(list_.Push(blocks.back()));
    list_.CheckInvariants();
  }
  EXPECT_EQ(list_.size(), kLimit);
  void* const one_more = New();
  EXPECT_FALSE(list_.Push(one_more));
  HeapFree(one_more);
  for (; !blocks.empty(); blocks.pop_back()) {
    EXPECT_EQ(list_.Pop(), blocks.back());
    HeapFree(blocks.back());
    list_.CheckInvariants();
  }
  EXPECT_EQ(list_.Pop(), nullptr);
}

TEST_F(FreelistTest, HeaderWordsBehindTheLinkAndTheDepthStay) {
  auto* const words = static_cast<uint64_t*>(New());
  for (uint64_t i = 0; i < 5; ++i) words[i] = 0x700 + i;
  ASSERT_TRUE(list_.Push(words));
  EXPECT_EQ(words[1], 0x701u) << "one block deep";
  EXPECT_EQ(words[2], 0x702u);
  for (size_t i = 0; i < kBytes; ++i) {
    EXPECT_EQ(IsPoisoned(reinterpret_cast<char*>(words) + i),
              kAddressSanitizer && i >= kProbeBytes);
  }
  ASSERT_EQ(list_.Pop(), words);
  EXPECT_FALSE(IsPoisoned(reinterpret_cast<char*>(words) + kBytes - 1));
  HeapFree(words);
}

TEST_F(FreelistTest, ClearReleasesEverythingAndStaysEnabled) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(list_.Push(New()));
  int count = 0;
  list_.Clear(
      [](void* argument, void* block) {
        ++*static_cast<int*>(argument);
        HeapFree(block);
      },
      &count);
  EXPECT_EQ(count, 5);
  EXPECT_EQ(list_.size(), 0);
  EXPECT_TRUE(list_.enabled());
  ASSERT_TRUE(list_.Push(New()));
}

TEST_F(FreelistTest, PushingWhileClearingIsKept) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(list_.Push(New()));
  // The first block released is pushed again, as a destructor might do.
  list_.Clear(
      [](void* argument, void* block) {
        auto* const list = static_cast<Freelist*>(argument);
        if (list->size() == 0) {
          EXPECT_TRUE(list->Push(block));
        } else {
          HeapFree(block);
        }
      },
      &list_);
  EXPECT_EQ(list_.size(), 1);
  list_.CheckInvariants();
}

TEST_F(FreelistTest, DisabledForEver) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(list_.Push(New()));
  struct Seen {
    Freelist* list;
    int count;
  } seen = {&list_, 0};
  list_.Disable(
      [](void* argument, void* block) {
        auto* const seen = static_cast<Seen*>(argument);
        ++seen->count;
        EXPECT_FALSE(seen->list->Push(block));  // INV-FL-4, already now.
        HeapFree(block);
      },
      &seen);
  EXPECT_EQ(seen.count, 3);
  EXPECT_EQ(list_.size(), -1);
  EXPECT_FALSE(list_.enabled());
  EXPECT_EQ(list_.Pop(), nullptr);
  list_.Clear();
  EXPECT_EQ(list_.size(), -1);
  list_.CheckInvariants();
}

// Random operations against a vector that says what must come out.
TEST_F(FreelistTest, BehavesLikeAStack) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    Freelist list(static_cast<int32_t>(random() % 30), kBytes, kProbeBytes);
    std::vector<void*> model;
    std::set<void*> out;
    for (int step = 0; step < 2000; ++step) {
      const uint64_t choice = random() % 100;
      if (choice < 50) {
        void* const block = New();
        const bool pushed = list.Push(block);
        ASSERT_EQ(pushed, static_cast<int32_t>(model.size()) < list.limit());
        if (pushed) {
          model.push_back(block);
        } else {
          HeapFree(block);
        }
      } else if (choice < 98) {
        void* const block = list.Pop();
        ASSERT_EQ(block, model.empty() ? nullptr : model.back());
        if (block != nullptr) {
          model.pop_back();
          HeapFree(block);
        }
      } else {
        list.Clear();
        model.clear();
      }
      ASSERT_EQ(list.size(), static_cast<int32_t>(model.size()));
      list.CheckInvariants();
    }
    list.Disable();
  }
}

using FreelistDeathTest = FreelistTest;

TEST_F(FreelistDeathTest, AChainOfAnotherLengthThanCounted) {
  void* const first = New();
  ASSERT_TRUE(list_.Push(first));
  ASSERT_TRUE(list_.Push(New()));
  EXPECT_DEATH(
      {
        // A block that was pushed twice.
        *static_cast<void**>(first) = first;
        list_.CheckInvariants();
      },
      "I1");
  EXPECT_DEATH(
      {
        static_cast<uint8_t*>(first)[sizeof(void*)] = 3;
        list_.CheckInvariants();
      },
      "I1");
}

#else

TEST_F(FreelistTest, TurnedOffItRefusesEverything) {
  void* const block = New();
  EXPECT_FALSE(list_.Push(block));
  EXPECT_EQ(list_.Pop(), nullptr);
  EXPECT_EQ(list_.size(), 0);
  list_.CheckInvariants();
  HeapFree(block);
}

#endif

}  // namespace
}  // namespace rt
