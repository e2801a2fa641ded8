// Dicts and tuples: against a standard map, under concurrent writers, and what
// they leave behind.
#include "runtime/object/dict.h"

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/object/destroy.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/number.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tuple.h"

namespace rt {
namespace {

constexpr int kScale = (kAddressSanitizer || kThreadSanitizer) ? 1 : 4;

// A number for one call.
class Temporary {
 public:
  Temporary(ObjectThread& thread, int64_t value)
      : thread_(thread), object_(AsObject(NumberNew(thread, value))) {}
  ~Temporary() { Decref(thread_, object_); }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  operator Object*() const { return object_; }

 private:
  ObjectThread& thread_;
  Object* object_;
};

// The number that `dict` has for `key`, or -1.
int64_t Get(ObjectThread& thread, Dict* dict, int64_t key) {
  Object* value = DictGet(thread, dict, Temporary(thread, key));
  if (value == nullptr) return -1;
  const int64_t number = NumberValue(value);
  Decref(thread, value);
  return number;
}

bool Set(ObjectThread& thread, Dict* dict, int64_t key, int64_t value) {
  return DictSet(thread, dict, Temporary(thread, key), Temporary(thread, value));
}

TEST(DictTest, RandomHistoriesMatchAStandardMap) {
  ObjectTestSpace test;
  TestThread thread(test);
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Dict* dict = DictNew(thread);
    std::map<int64_t, int64_t> model;
    for (int step = 0; step < 3000; ++step) {
      // Few keys, so that deleted slots are used again; negative ones too.
      const int64_t key = static_cast<int64_t>(random() % 200) - 100;
      switch (random() % 8) {
        case 0:
        case 1:
          EXPECT_EQ(DictDelete(thread, dict, Temporary(thread, key)), model.erase(key) == 1);
          break;
        case 2:
          if (random() % 100 == 0) {
            DictClear(thread, dict);
            model.clear();
          }
          break;
        default:
          EXPECT_TRUE(Set(thread, dict, key, step));
          model[key] = step;
      }
      const int64_t asked = static_cast<int64_t>(random() % 200) - 100;
      const auto found = model.find(asked);
      ASSERT_EQ(Get(thread, dict, asked), found == model.end() ? -1 : found->second);
      ASSERT_EQ(DictSize(dict), static_cast<int64_t>(model.size()));
    }
    std::map<int64_t, int64_t> walked;
    int64_t position = 0;
    Object* key;
    Object* value;
    while (DictNext(thread, dict, &position, &key, &value)) {
      EXPECT_TRUE(walked.emplace(NumberValue(key), NumberValue(value)).second);
      Decref(thread, key);
      Decref(thread, value);
    }
    EXPECT_EQ(walked, model);
    Decref(thread, AsObject(dict));
    thread.SafePoint();
    EXPECT_EQ(test.ReferenceTotal(), 0);
  }
}

TEST(DictTest, OtherKeysAreComparedByIdentity) {
  ObjectTestSpace test;
  TestThread thread(test);
  Dict* dict = DictNew(thread);
  Dict* first = DictNew(thread);
  Dict* second = DictNew(thread);
  EXPECT_TRUE(DictSet(thread, dict, AsObject(first), Temporary(thread, 1)));
  EXPECT_TRUE(DictSet(thread, dict, AsObject(second), Temporary(thread, 2)));
  Object* value = DictGet(thread, dict, AsObject(second));
  EXPECT_EQ(NumberValue(value), 2);
  Decref(thread, value);
  // A number whose value is the address of a key is another key.
  EXPECT_EQ(Get(thread, dict, reinterpret_cast<int64_t>(first)), -1);
  EXPECT_EQ(DictSize(dict), 2);
  // The dict holds its keys, and lets go of them when they are deleted.
  const int64_t references = test.ReferenceTotal(kStatIndexDict);
  EXPECT_TRUE(DictDelete(thread, dict, AsObject(first)));
  EXPECT_EQ(test.ReferenceTotal(kStatIndexDict), references - 1);
  for (Dict* each : {dict, first, second}) Decref(thread, AsObject(each));
}

TEST(DictTest, ReadersSeeAValueOfTheKeyOrNone) {
  constexpr int kThreads = 4;
  constexpr int kKeys = 40;
  constexpr int kRounds = 3000 * kScale;
  ObjectTestSpace test;
  TestThread main(test);
  Dict* dict = DictNew(main);
  main.Detach();
  test.RunThreads(kThreads, [&](TestThread& thread, int index) {
    std::mt19937 random(index + 1);
    for (int round = 0; round < kRounds; ++round) {
      const auto key = static_cast<int64_t>(random() % kKeys);
      // Every value of a key is the key modulo kKeys.
      const int64_t value = Get(thread, dict, key);
      ASSERT_TRUE(value == -1 || value % kKeys == key) << value << " for " << key;
      switch (random() % (index == 0 ? 4 : 16)) {
        case 0:
          ASSERT_TRUE(Set(thread, dict, key, key + kKeys * round));
          break;
        case 1:
          DictDelete(thread, dict, Temporary(thread, key));
          break;
        case 2:
          if (random() % 64 == 0) DictClear(thread, dict);
          break;
        default:
          break;
      }
      thread.SafePoint();
    }
  });
  main.Attach();
  Decref(main, AsObject(dict));
  main.SafePoint();
  MergeQueueDrain(main);
  EXPECT_EQ(test.ReferenceTotal(), 0);
}

TEST(DictTest, AHotDictIsCountedPerThreadAndDiesInAMerge) {
  ObjectTestSpace test;
  TestThread maker(test);
  TestThread user(test);
  maker.MakeCurrent();
  Dict* dict = DictNew(maker);
  EXPECT_TRUE(Set(maker, dict, 1, 2));
  DictCountPerThread(maker, dict);
  const int64_t shared = dict->header.shared.load(std::memory_order_relaxed);
  user.MakeCurrent();
  for (int i = 0; i < 10; ++i) IncrefDict(user, dict);
  EXPECT_EQ(dict->header.shared.load(std::memory_order_relaxed), shared);
  maker.MakeCurrent();
  for (int i = 0; i < 10; ++i) DecrefDict(maker, dict);
  CheckPerThreadCountInvariantsWorldStopped(test.space());
  Decref(maker, AsObject(dict));
  EXPECT_EQ(test.ReferenceTotal(kStatIndexDict), 0);
  EXPECT_EQ(MergePerThreadCountsWorldStopped(maker), 1u);
  DrainTrashcan(maker);
  EXPECT_EQ(test.ReferenceTotal(), 0);
  CheckFreelistInvariants(maker);
}

TEST(TupleTest, ItemsStayAndAreDroppedAtTheEnd) {
  ObjectTestSpace test;
  TestThread thread(test);
  for (const int64_t size : {0, 1, 2, 20, 21, 1000}) {
    std::vector<Object*> items;
    for (int64_t i = 0; i < size; ++i) items.push_back(AsObject(NumberNew(thread, i)));
    Tuple* tuple = TupleNew(thread, items.data(), size);
    for (Object* item : items) Decref(thread, item);
    EXPECT_EQ(TupleSize(tuple), size);
    for (int64_t i = 0; i < size; ++i) {
      Object* item = TupleGet(thread, tuple, i);
      EXPECT_EQ(NumberValue(item), i);
      Decref(thread, item);
    }
    EXPECT_EQ(TupleGet(thread, tuple, size), nullptr);
    EXPECT_EQ(TupleGet(thread, tuple, -1), nullptr);
    int64_t visited = 0;
    TraverseTuple(
        AsObject(tuple), [](void* count, Object*) { ++*static_cast<int64_t*>(count); }, &visited);
    EXPECT_EQ(visited, size);
    Decref(thread, AsObject(tuple));
    EXPECT_EQ(test.ReferenceTotal(), 0);
    CheckFreelistInvariants(thread);
  }
}

TEST(TupleTest, EachSizeHasItsOwnFreelist) {
  ObjectTestSpace test;
  TestThread thread(test);
  Temporary item(thread, 7);
  std::vector<Object*> items(30, item);
  for (int64_t size = 0; size < 30; ++size) {
    std::vector<Tuple*> tuples;
    for (int i = 0; i < kTupleFreelistLimit + 5; ++i) {
      tuples.push_back(TupleNew(thread, items.data(), size));
    }
    for (Tuple* tuple : tuples) Decref(thread, AsObject(tuple));
    if (size < kTupleFreelistCount && RT_FREELISTS != 0) {
      EXPECT_EQ(thread.tuple_freelists.of_size[size].size(), kTupleFreelistLimit);
    }
  }
  CheckFreelistInvariants(thread);
  EXPECT_EQ(FreelistObjectCount(thread), RT_FREELISTS * kTupleFreelistLimit * kTupleFreelistCount);
  ClearObjectFreelists(thread);
  EXPECT_EQ(FreelistObjectCount(thread), 0);
  Tuple* again = TupleNew(thread, items.data(), 3);
  EXPECT_EQ(TupleSize(again), 3);
  Decref(thread, AsObject(again));
  EXPECT_EQ(FreelistObjectCount(thread), RT_FREELISTS);
}

}  // namespace
}  // namespace rt
