// Lock-free readers against writers of lists and instances, with memory that is
// reused at once. Every place holds only objects that say which place they are
// for, so that a reader that is given a stranger sees it.
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/list.h"
#include "runtime/object/number.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

constexpr bool kSlow = kAddressSanitizer || kThreadSanitizer;
constexpr int64_t kPlaces = 40;
constexpr int kReaders = 2;

// A small generator of its own per thread; the seed is the thread's index.
class Random {
 public:
  explicit Random(int index) : state_(static_cast<uint64_t>(index) + 1) {}
  int64_t Below(int64_t bound) {
    // splitmix64.
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return static_cast<int64_t>(z % static_cast<uint64_t>(bound));
  }

 private:
  uint64_t state_;
};

// A number that readers may take without a lock as soon as it is published: so
// that one which is reborn under a reader's hands lets it in.
Object* NewPublic(TestThread& thread, int64_t value) {
  Object* object = AsObject(NumberNew(thread, value));
  SetMaybeWeakref(object);
  return object;
}

class ReaderStressTest : public ::testing::Test {
 protected:
  void AppendForPlace(TestThread& thread, List* list, int64_t generation) {
    const int64_t place = ListSize(list);
    Object* number = NewPublic(thread, place + kPlaces * generation);
    ASSERT_TRUE(ListAppend(thread, list, number));
    Decref(thread, number);
  }

  // Reads random places until the writer is done; all readers take part in
  // destroying what they happened to hold last.
  void Read(TestThread& thread, List* list, int index) {
    Random random(index);
    int64_t found = 0;
    while (!done_.load(std::memory_order_acquire)) {
      for (int i = 0; i < 64; ++i) {
        const int64_t place = random.Below(kPlaces);
        Object* item = ListGet(thread, list, place);
        if (item == nullptr) continue;
        // The writer goes on until every reader has found a good many.
        if (++found == 1000) (void)satisfied_.fetch_add(1, std::memory_order_relaxed);
        ASSERT_EQ(NumberValue(item) % kPlaces, place);
        // Sometimes churns its own freelist with what it drops.
        if (i % 8 == 0) {
          Decref(thread, AsObject(NumberNew(thread, -1)));
        }
        Decref(thread, item);
      }
      thread.SafePoint();
    }
  }

  bool ReadersAreSatisfied() const {
    return satisfied_.load(std::memory_order_relaxed) == kReaders;
  }

  ObjectTestSpace test_;
  Atomic<bool> done_{false};
  Atomic<int> satisfied_{0};  // Readers that have found enough.
};

TEST_F(ReaderStressTest, ListReadersAgainstEveryKindOfWrite) {
  List* list;
  TestThread main(test_);
  list = ListNew(main);
  TestBarrier barrier(kReaders + 1);
  main.Detach();
  const int writes = kSlow ? 15000 : 300000;
  test_.RunThreads(kReaders + 1, [&](TestThread& thread, int index) {
    barrier.Wait(thread);
    if (index < kReaders) {
      Read(thread, list, index);
      return;
    }
    Random random(index);
    for (int64_t i = 0; i < writes || !ReadersAreSatisfied(); ++i) {
      const int64_t choice = random.Below(100);
      const int64_t size = ListSize(list);
      if (choice < 50 && size < kPlaces) {
        AppendForPlace(thread, list, i);
      } else if (choice < 75 && size > 0) {
        Decref(thread, ListPop(thread, list));
      } else if (choice < 98 && size > 0) {
        const int64_t place = random.Below(size);
        Object* number = NewPublic(thread, place + kPlaces * i);
        ASSERT_TRUE(ListSet(thread, list, place, number));
        Decref(thread, number);
      } else if (choice >= 98) {
        ListClear(thread, list);
      }
      if (i % 16 == 0) thread.SafePoint();
    }
    done_.store(true, std::memory_order_release);
  });
  main.Attach();
  CheckObjectInvariantsWorldStopped(AsObject(list));
  Decref(main, AsObject(list));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kNumbersCreated), test_.Get(Counter::kNumbersDestroyed));
}

// Only growing and clearing: every read races with an array that goes away.
TEST_F(ReaderStressTest, ListReadersAgainstResize) {
  TestThread main(test_);
  List* list = ListNew(main);
  TestBarrier barrier(kReaders + 1);
  main.Detach();
  const int rounds = kSlow ? 300 : 6000;
  test_.RunThreads(kReaders + 1, [&](TestThread& thread, int index) {
    barrier.Wait(thread);
    if (index < kReaders) {
      Read(thread, list, index);
      return;
    }
    for (int64_t i = 0; i < rounds || !ReadersAreSatisfied(); ++i) {
      while (ListSize(list) < kPlaces) AppendForPlace(thread, list, i);
      if (i % 2 == 0) {
        ListClear(thread, list);
      } else {
        while (Object* item = ListPop(thread, list)) Decref(thread, item);
      }
      thread.SafePoint();
    }
    done_.store(true, std::memory_order_release);
  });
  main.Attach();
  EXPECT_GT(test_.Get(Counter::kListResizes), rounds);
  Decref(main, AsObject(list));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

// Slots whose values die and are reborn from the freelist under the readers.
TEST_F(ReaderStressTest, FreelistReuseAgainstTryIncref) {
  TestThread main(test_);
  TypeObject* type = TypeNew(main, {.name = "slots", .slot_count = kPlaces});
  Instance* instance = InstanceNew(main, type);
  Decref(main, AsObject(type));
  TestBarrier barrier(kReaders + 1);
  main.Detach();
  const int writes = kSlow ? 30000 : 600000;
  test_.RunThreads(kReaders + 1, [&](TestThread& thread, int index) {
    Random random(index);
    barrier.Wait(thread);
    if (index < kReaders) {
      while (!done_.load(std::memory_order_acquire)) {
        for (int i = 0; i < 64; ++i) {
          const auto place = static_cast<uint32_t>(random.Below(kPlaces));
          Object* value = InstanceGet(thread, instance, place);
          if (value == nullptr) continue;
          ASSERT_EQ(NumberValue(value) % kPlaces, place);
          Decref(thread, value);
        }
        thread.SafePoint();
      }
      return;
    }
    for (int i = 0; i < writes; ++i) {
      const int64_t place = random.Below(kPlaces);
      Object* number = nullptr;
      if (random.Below(4) != 0) number = NewPublic(thread, place + kPlaces * int64_t{i});
      InstanceSet(thread, instance, static_cast<uint32_t>(place), number);
      DecrefIfNotNull(thread, number);
      if (i % 16 == 0) thread.SafePoint();
    }
    done_.store(true, std::memory_order_release);
  });
  main.Attach();
  Decref(main, AsObject(instance));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  if (RT_FREELISTS != 0) {
    EXPECT_GT(test_.Get(Counter::kFreelistHits), writes / 8);
  }
}

// Every thread does everything to a few shared containers, and threads come and
// go: the closed scenario in which nothing may drift.
TEST_F(ReaderStressTest, EverybodyDoesEverything) {
  constexpr int kThreads = 3;
  const int steps = kSlow ? 4000 : 60000;
  const int generations = 4;
  TestThread main(test_);
  TypeObject* type = TypeNew(main, {.name = "cell", .slot_count = 4});
  List* shared = ListNew(main);
  Instance* cell = InstanceNew(main, type);
  main.Detach();
  for (int generation = 0; generation < generations; ++generation) {
    test_.RunThreads(kThreads, [&](TestThread& thread, int index) {
      Random random(generation * kThreads + index);
      for (int i = 0; i < steps; ++i) {
        const auto slot = static_cast<uint32_t>(random.Below(4));
        switch (random.Below(8)) {
          case 0: {
            Number* number = NumberNew(thread, i);
            ASSERT_TRUE(ListAppend(thread, shared, AsObject(number)));
            Decref(thread, AsObject(number));
            break;
          }
          case 1: {
            Instance* instance = InstanceNew(thread, type);
            Number* number = NumberNew(thread, i);
            InstanceSet(thread, instance, slot, AsObject(number));
            Decref(thread, AsObject(number));
            InstanceSet(thread, cell, slot, AsObject(instance));
            Decref(thread, AsObject(instance));
            break;
          }
          case 2: {
            List* list = ListNew(thread, 2);
            Object* value = InstanceGet(thread, cell, slot);
            if (value != nullptr) {
              ASSERT_TRUE(ListAppend(thread, list, value));
              Decref(thread, value);
            }
            ASSERT_TRUE(ListAppend(thread, shared, AsObject(list)));
            Decref(thread, AsObject(list));
            break;
          }
          case 3:
          case 4: {
            Object* item = ListPop(thread, shared);
            DecrefIfNotNull(thread, item);
            break;
          }
          case 5: {
            Object* item = ListGet(thread, shared, random.Below(16));
            if (item != nullptr && IsNumber(item)) {
              EXPECT_GE(NumberValue(item), 0);
            }
            DecrefIfNotNull(thread, item);
            break;
          }
          case 6: {
            Object* value = InstanceGet(thread, cell, slot);
            if (value != nullptr) {
              (void)ListSet(thread, shared, random.Below(16), value);
              Decref(thread, value);
            }
            break;
          }
          default:
            if (i % 200 == 0) ListClear(thread, shared);
            thread.SafePoint();
        }
      }
    });
  }
  main.Attach();
  Decref(main, AsObject(shared));
  Decref(main, AsObject(cell));
  Decref(main, AsObject(type));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

}  // namespace
}  // namespace rt
