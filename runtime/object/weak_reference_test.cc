// Weak references: what they promise one by one, against a model that holds each
// object's references by number, and with threads that read, make and drop them
// while referents die, are saved by their finalizer or are reborn at the same
// address.
#include "runtime/object/weak_reference.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <thread>
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

// Counts the calls of a callback; its referent is gone by then.
struct Calls {
  std::atomic<int> count{0};

  static void Count(ObjectThread& thread, WeakReference* reference, void* context) {
    EXPECT_EQ(WeakReferenceGet(thread, reference), nullptr);
    static_cast<Calls*>(context)->count.fetch_add(1);
  }
};

class WeakReferenceTest : public ::testing::Test {
 protected:
  ~WeakReferenceTest() override {
    Decref(thread_, AsObject(type_));
    EXPECT_EQ(test_.ReferenceTotal(), 0);
  }

  template <typename Body>
  void OnOtherThread(Body body) {
    std::thread([&] {
      TestThread other(test_);
      body(other);
    }).join();
  }

  Object* New(TestThread& thread) { return AsObject(InstanceNew(thread, type_)); }

  ObjectTestSpace test_;
  TestThread thread_{test_};
  TypeObject* type_ = TypeNew(thread_, {.name = "node", .slot_count = 1, .weakly_referable = true});
};

TEST_F(WeakReferenceTest, FindsTheReferentWhileItLives) {
  Object* const object = New(thread_);
  WeakReference* const reference = WeakReferenceNew(thread_, object);
  EXPECT_EQ(TrueCount(object), 1) << "it keeps nothing alive";
  EXPECT_EQ(WeakReferenceCount(thread_, object), 1u);
  Object* const found = WeakReferenceGet(thread_, reference);
  EXPECT_EQ(found, object);
  CheckObjectInvariantsWorldStopped(AsObject(reference));
  Decref(thread_, found);
  OnOtherThread([&](TestThread& other) {
    Object* const there = WeakReferenceGet(other, reference);
    EXPECT_EQ(there, object);
    Decref(other, there);
  });
  Decref(thread_, object);
  EXPECT_EQ(WeakReferenceGet(thread_, reference), nullptr);
  EXPECT_EQ(test_.Get(Counter::kWeakReferencesCleared), 1);
  Decref(thread_, AsObject(reference));
  EXPECT_EQ(test_.Get(Counter::kWeakReferencesDestroyed), 1);
}

TEST_F(WeakReferenceTest, OnlySomeTypesCanBeReferredTo) {
  Object* const number = AsObject(NumberNew(thread_, 1));
  EXPECT_EQ(WeakReferenceNew(thread_, number), nullptr);
  TypeObject* const plain = TypeNew(thread_, {.name = "plain"});
  Object* const instance = AsObject(InstanceNew(thread_, plain));
  EXPECT_EQ(WeakReferenceNew(thread_, instance), nullptr);
  for (Object* each : {number, instance, AsObject(plain)}) Decref(thread_, each);
}

TEST_F(WeakReferenceTest, CallsBackOnceAndOnlyTheLiving) {
  Calls calls;
  Object* const object = New(thread_);
  WeakReference* const kept = WeakReferenceNew(thread_, object, &Calls::Count, &calls);
  WeakReference* const dropped = WeakReferenceNew(thread_, object, &Calls::Count, &calls);
  WeakReference* const silent = WeakReferenceNew(thread_, object);
  Decref(thread_, AsObject(dropped));
  EXPECT_EQ(WeakReferenceCount(thread_, object), 2u);
  Decref(thread_, object);
  EXPECT_EQ(calls.count, 1);
  Decref(thread_, AsObject(kept));
  Decref(thread_, AsObject(silent));
  EXPECT_EQ(calls.count, 1);
}

void Keep(ObjectThread& thread, Instance* instance, void* context) {
  Incref(thread, AsObject(instance));
  *static_cast<Object**>(context) = AsObject(instance);
}

TEST_F(WeakReferenceTest, SurvivesTheReferentsResurrection) {
  Object* saved = nullptr;
  TypeObject* const type = TypeNew(
      thread_,
      {.name = "kept", .finalizer = &Keep, .finalizer_context = &saved, .weakly_referable = true});
  Object* const object = AsObject(InstanceNew(thread_, type));
  Calls calls;
  WeakReference* const reference = WeakReferenceNew(thread_, object, &Calls::Count, &calls);
  Decref(thread_, object);
  EXPECT_EQ(saved, object);
  Object* const found = WeakReferenceGet(thread_, reference);
  EXPECT_EQ(found, object);
  EXPECT_EQ(calls.count, 0);
  Decref(thread_, found);
  Decref(thread_, object);
  EXPECT_EQ(calls.count, 1);
  Decref(thread_, AsObject(reference));
  Decref(thread_, AsObject(type));
}

// The callback drops the last reference to its own weak reference.
TEST_F(WeakReferenceTest, CallbackMayDropItsWeakReference) {
  Object* const object = New(thread_);
  struct Holder {
    WeakReference* reference = nullptr;
  } holder;
  holder.reference = WeakReferenceNew(
      thread_, object,
      [](ObjectThread& thread, WeakReference* reference, void* context) {
        EXPECT_EQ(static_cast<Holder*>(context)->reference, reference);
        Decref(thread, AsObject(reference));
      },
      &holder);
  Decref(thread_, object);
  EXPECT_EQ(test_.Get(Counter::kWeakReferencesDestroyed), 1);
}

TEST_F(WeakReferenceTest, AllocationFailureLeavesTheReferentAlone) {
  Object* const object = New(thread_);
  {
    ScopedAllocationFault fault(0);
    EXPECT_EQ(WeakReferenceNew(thread_, object), nullptr);
    EXPECT_TRUE(fault.failed());
  }
  EXPECT_EQ(WeakReferenceCount(thread_, object), 0u);
  Decref(thread_, object);
}

// Random operations of one thread on a few objects, against a map from each weak
// reference to the number of its object.
TEST_F(WeakReferenceTest, AgreesWithAModel) {
  constexpr int kObjects = 7;
  Object* objects[kObjects] = {};
  std::map<WeakReference*, int> model;  // -1: the referent is dead.
  Calls calls;
  int expected_calls = 0;
  uint64_t state = 20;
  for (int step = 0; step < 4000; ++step) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const int which = static_cast<int>((state >> 33) % kObjects);
    const auto action = static_cast<int>((state >> 50) % 8);
    if (objects[which] == nullptr) {
      objects[which] = New(thread_);
    } else if (action < 4) {
      const bool has_callback = action == 3;
      WeakReference* const reference =
          WeakReferenceNew(thread_, objects[which], has_callback ? &Calls::Count : nullptr, &calls);
      ASSERT_NE(reference, nullptr);
      model[reference] = which;
    } else if (action < 6 && !model.empty()) {
      Decref(thread_, AsObject(model.begin()->first));
      model.erase(model.begin());
    } else if (action == 6) {
      Decref(thread_, objects[which]);
      objects[which] = nullptr;
      for (auto& [reference, object] : model) {
        if (object != which) continue;
        object = -1;
        if (reference->callback != nullptr) ++expected_calls;
      }
    }
    size_t count = 0;
    for (auto& [reference, object] : model) {
      Object* const found = WeakReferenceGet(thread_, reference);
      ASSERT_EQ(found, object < 0 ? nullptr : objects[object]);
      if (found != nullptr) Decref(thread_, found);
      CheckObjectInvariantsWorldStopped(AsObject(reference));
      if (object == which) ++count;
    }
    if (objects[which] != nullptr) {
      ASSERT_EQ(WeakReferenceCount(thread_, objects[which]), count);
    }
    ASSERT_EQ(calls.count, expected_calls);
  }
  for (Object* object : objects) DecrefIfNotNull(thread_, object);
  for (auto& [reference, object] : model) Decref(thread_, AsObject(reference));
}

// Every round the first thread makes a referent with weak references, all threads
// read them, drop them and make more while it dies; then it is reborn, most often
// at the same address. What a reader finds must be of the round, alive and whole.
TEST_F(WeakReferenceTest, ReadersMeetDyingReferents) {
  constexpr int kThreads = 4;
  constexpr int kReferences = 8;
  const int rounds = kSlow ? 150 : 1200;
  Calls calls;
  std::atomic<int64_t> made{0};
  std::atomic<int64_t> found_count{0};
  WeakReference* references[kReferences] = {};
  Object* strong[kThreads] = {};
  TestBarrier barrier(kThreads);
  thread_.Detach();
  test_.RunThreads(kThreads, [&](TestThread& thread, int index) {
    for (int round = 0; round < rounds; ++round) {
      if (index == 0) {
        Object* const object = New(thread);
        Object* const number = AsObject(NumberNew(thread, round));
        InstanceSet(thread, reinterpret_cast<Instance*>(object), 0, number);
        Decref(thread, number);
        for (WeakReference*& reference : references) {
          reference = WeakReferenceNew(thread, object, &Calls::Count, &calls);
        }
        made.fetch_add(kReferences);
        for (Object*& each : strong) {
          Incref(thread, object);
          each = object;
        }
        Decref(thread, object);
      }
      barrier.Wait(thread);
      // Each drops its strong reference at another moment of its reading.
      for (int step = 0; step < 2 * kReferences; ++step) {
        if (step == (index * 5 + round) % 16) Decref(thread, strong[index]);
        Object* const found = WeakReferenceGet(thread, references[step % kReferences]);
        if (found == nullptr) continue;
        found_count.fetch_add(1);
        Object* const value = InstanceGet(thread, reinterpret_cast<Instance*>(found), 0);
        EXPECT_EQ(NumberValue(value), round);
        Decref(thread, value);
        if (step % 4 == index) {
          WeakReference* const more = WeakReferenceNew(thread, found, &Calls::Count, &calls);
          EXPECT_NE(more, nullptr);
          Decref(thread, AsObject(more));
        }
        Decref(thread, found);
      }
      thread.SafePoint();
      barrier.Wait(thread);
      thread.SafePoint();  // The owner merges what the others dropped.
      barrier.Wait(thread);
      if (index == 0) {
        for (WeakReference* reference : references) {
          EXPECT_EQ(WeakReferenceGet(thread, reference), nullptr);
          Decref(thread, AsObject(reference));
        }
      }
    }
  });
  thread_.Attach();
  EXPECT_EQ(calls.count.load(), made.load()) << "once for each that was kept";
  EXPECT_GT(found_count.load(), 0);
}

// Referents die as soon as they are made and are reborn at the same address, each
// with a weak reference that says which number it is for: a reader that is given a
// stranger sees it.
TEST_F(WeakReferenceTest, ReadersAreNeverGivenAStranger) {
  constexpr int64_t kPlaces = 4;
  const int64_t rounds = kSlow ? 4000 : 60000;
  std::atomic<bool> done{false};
  List* const list = ListNew(thread_);
  for (int64_t i = 0; i < kPlaces; ++i) ASSERT_TRUE(ListAppend(thread_, list, AsObject(type_)));
  thread_.Detach();
  test_.RunThreads(3, [&](TestThread& thread, int index) {
    if (index == 0) {
      for (int64_t round = 1; round <= rounds; ++round) {
        Object* const object = New(thread);
        Object* const number = AsObject(NumberNew(thread, round));
        InstanceSet(thread, reinterpret_cast<Instance*>(object), 0, number);
        Decref(thread, number);
        WeakReference* const weak =
            WeakReferenceNew(thread, object, nullptr, reinterpret_cast<void*>(round));
        EXPECT_TRUE(ListSet(thread, list, round % kPlaces, AsObject(weak)));
        Decref(thread, AsObject(weak));
        Decref(thread, object);
        if (round % 16 == 0) thread.SafePoint();
      }
      done.store(true);
      return;
    }
    for (int64_t step = 0; !done.load(); ++step) {
      Object* const weak = ListGet(thread, list, step % kPlaces);
      if (IsWeakReference(weak)) {
        auto* const reference = reinterpret_cast<WeakReference*>(weak);
        Object* const found = WeakReferenceGet(thread, reference);
        if (found != nullptr) {
          Object* const value = InstanceGet(thread, reinterpret_cast<Instance*>(found), 0);
          ASSERT_NE(value, nullptr);
          EXPECT_EQ(NumberValue(value), reinterpret_cast<int64_t>(reference->context));
          Decref(thread, value);
          Decref(thread, found);
        }
      }
      Decref(thread, weak);
      if (step % 16 == 0) thread.SafePoint();
    }
  });
  thread_.Attach();
  thread_.SafePoint();
  Decref(thread_, AsObject(list));
}

// Weak references die on one thread while their referent dies on another: each
// side must find the other whole, whoever comes first.
TEST_F(WeakReferenceTest, BothSidesDieAtOnce) {
  const int rounds = kSlow ? 400 : 4000;
  constexpr int kReferences = 4;
  Calls calls;
  Object* object = nullptr;
  WeakReference* references[kReferences] = {};
  TestBarrier barrier(2);
  thread_.Detach();
  test_.RunThreads(2, [&](TestThread& thread, int index) {
    for (int round = 0; round < rounds; ++round) {
      if (index == 0) {
        object = New(thread);
        for (WeakReference*& reference : references) {
          reference = WeakReferenceNew(thread, object, &Calls::Count, &calls);
        }
      }
      barrier.Wait(thread);
      if (index == 0) {
        Decref(thread, object);
      } else {
        for (WeakReference* reference : references) Decref(thread, AsObject(reference));
      }
      thread.SafePoint();
      barrier.Wait(thread);
      thread.SafePoint();
    }
  });
  thread_.Attach();
  EXPECT_EQ(test_.Get(Counter::kWeakReferencesDestroyed), int64_t{rounds} * kReferences);
  EXPECT_LE(calls.count.load(), rounds * kReferences);
}

}  // namespace
}  // namespace rt
