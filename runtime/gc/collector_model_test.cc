// The collector against a model: random graphs of instances and lists whose
// edges, roots, finalizers and weak references a plain C++ graph follows; with and
// without memory for the mark stack and the candidates. Then threads that make and
// share cycles while one collects.
#include <atomic>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/sanitizer.h"
#include "runtime/gc/collector.h"
#include "runtime/gc/collector_test_space.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/list.h"
#include "runtime/object/number.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/weak_reference.h"

namespace rt {
namespace {

constexpr bool kSlow = kAddressSanitizer || kThreadSanitizer;
constexpr uint32_t kSlots = 3;

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  size_t Below(size_t bound) {
    // splitmix64.
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<size_t>((z ^ (z >> 31)) % bound);
  }

 private:
  uint64_t state_;
};

// What the model knows of one object.
struct Node {
  Object* object = nullptr;
  WeakReference* weak = nullptr;  // Null for lists.
  std::vector<int> edges;
  bool rooted = true;
  bool alive = true;
};

void CountFinalized(ObjectThread&, Instance*, void* context) {
  static_cast<std::atomic<int>*>(context)->fetch_add(1);
}

class ModelTest : public ::testing::TestWithParam<int> {
 protected:
  void MakeNodes(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      Node node;
      const size_t kind = random_.Below(4);
      if (kind == 0) {
        node.object = AsObject(ListNew(thread_));
      } else {
        node.object = AsObject(InstanceNew(thread_, kind == 1 ? finalized_ : plain_));
        node.weak = WeakReferenceNew(thread_, node.object);
        if (kind == 1) ++expected_finalized_;
      }
      nodes_.push_back(node);
    }
  }

  void Connect() {
    for (Node& node : nodes_) {
      if (!node.alive) continue;
      for (uint32_t slot = 0; slot < kSlots; ++slot) {
        const size_t to = random_.Below(nodes_.size());
        if (!nodes_[to].alive || !nodes_[to].rooted || random_.Below(3) == 0) continue;
        if (!node.rooted) continue;
        if (node.weak == nullptr) {
          ASSERT_TRUE(ListAppend(thread_, reinterpret_cast<List*>(node.object), nodes_[to].object));
        } else {
          auto* const instance = reinterpret_cast<Instance*>(node.object);
          Object* const old = InstanceGet(thread_, instance, slot);
          DecrefIfNotNull(thread_, old);
          if (old != nullptr) continue;
          InstanceSet(thread_, instance, slot, nodes_[to].object);
        }
        node.edges.push_back(static_cast<int>(to));
      }
    }
  }

  // Drops about half of the roots; what counts alone cannot reach stays.
  void DropRoots() {
    for (Node& node : nodes_) {
      if (!node.alive || !node.rooted || random_.Below(2) == 0) continue;
      node.rooted = false;
    }
    // Only now, so that the model is not asked about half a step.
    MarkAliveByCounts();
  }

  // What reference counting alone leaves: drop, and follow deaths.
  void MarkAliveByCounts() {
    for (Node& node : nodes_) {
      if (node.alive && !node.rooted && node.object != nullptr && !dropped_.count(&node)) {
        dropped_.insert(&node);
        Decref(thread_, node.object);
      }
    }
  }

  std::set<size_t> Reachable() const {
    std::set<size_t> reached;
    std::vector<size_t> stack;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].alive && nodes_[i].rooted) stack.push_back(i);
    }
    while (!stack.empty()) {
      const size_t at = stack.back();
      stack.pop_back();
      if (!reached.insert(at).second) continue;
      for (int to : nodes_[at].edges) stack.push_back(static_cast<size_t>(to));
    }
    return reached;
  }

  // Exactly what the model reaches is left, with the counts that the model says;
  // and a collection that finds nothing leaves every header as it was.
  void CollectAndCompare() {
    const std::set<size_t> reached = Reachable();
    CollectResult result = space_.collector().Collect(thread_);
    ASSERT_EQ(result.status, CollectStatus::kDone);
    EXPECT_EQ(result.saved_count, 0);
    std::vector<int64_t> expected_counts(nodes_.size());
    for (size_t i : reached) {
      if (nodes_[i].rooted) ++expected_counts[i];
      for (int to : nodes_[i].edges) ++expected_counts[static_cast<size_t>(to)];
    }
    std::vector<std::string> headers;
    for (size_t i : reached) {
      ASSERT_EQ(TrueCount(nodes_[i].object), expected_counts[i]) << "node " << i;
      headers.push_back(HeaderOf(nodes_[i].object));
    }
    result = space_.collector().Collect(thread_);
    EXPECT_EQ(result.unreachable_count, 0);
    size_t index = 0;
    for (size_t i : reached) {
      CheckObjectInvariantsWorldStopped(nodes_[i].object);
      EXPECT_EQ(HeaderOf(nodes_[i].object), headers[index++]) << "node " << i;
    }
    for (size_t i = 0; i < nodes_.size(); ++i) {
      Node& node = nodes_[i];
      if (!node.alive) continue;
      const bool expected = reached.count(i) != 0;
      if (node.weak != nullptr) {
        Object* const found = WeakReferenceGet(thread_, node.weak);
        EXPECT_EQ(found, expected ? node.object : nullptr) << "node " << i;
        DecrefIfNotNull(thread_, found);
      }
      node.alive = expected;
    }
    space_.Check(thread_);
  }

  // All of the header but the collector's own bits.
  static std::string HeaderOf(const Object* object) {
    char bytes[sizeof(Object)];
    memcpy(bytes, static_cast<const void*>(object), sizeof(bytes));
    bytes[offsetof(Object, gc_bits)] = 0;
    return std::string(bytes, sizeof(bytes));
  }

  CollectorTestSpace space_;
  TestThread thread_{space_.test()};
  std::atomic<int> finalized_count_{0};
  int expected_finalized_ = 0;
  TypeObject* plain_ =
      TypeNew(thread_, {.name = "plain", .slot_count = kSlots, .weakly_referable = true});
  TypeObject* finalized_ = TypeNew(thread_, {.name = "finalized",
                                             .slot_count = kSlots,
                                             .finalizer = &CountFinalized,
                                             .finalizer_context = &finalized_count_,
                                             .weakly_referable = true});
  Random random_{static_cast<uint64_t>(GetParam())};
  std::vector<Node> nodes_;
  std::set<const Node*> dropped_;
};

TEST_P(ModelTest, LeavesExactlyWhatCanBeReached) {
  // Small graphs have odd shapes, large ones deep stacks.
  const size_t count = GetParam() % 2 == 0 ? 12 : 600;
  nodes_.reserve(8 * count);
  for (int round = 0; round < 6; ++round) {
    MakeNodes(count);
    Connect();
    DropRoots();
    CollectAndCompare();
    if (HasFatalFailure()) return;
  }
  for (Node& node : nodes_) node.rooted = false;
  MarkAliveByCounts();
  CollectAndCompare();
  for (Node& node : nodes_)
    DecrefIfNotNull(thread_, node.weak == nullptr ? nullptr : AsObject(node.weak));
  EXPECT_EQ(finalized_count_.load(), expected_finalized_) << "each once";
  for (TypeObject* type : {plain_, finalized_}) Decref(thread_, AsObject(type));
  EXPECT_EQ(space_.collector().Collect(thread_).collected_count, 0);
  EXPECT_EQ(space_.test().ReferenceTotal(), 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, ::testing::Range(1, kSlow ? 7 : 25));

thread_local const char* failing_point = nullptr;

bool FailPoint(const char* name) {
  return failing_point != nullptr && strcmp(name, failing_point) == 0;
}

class CollectorMemoryTest : public ::testing::TestWithParam<const char*> {};

// Without memory for the stack a collection takes longer; without memory for the
// candidates it does nothing, and says so. Either way counts are exact.
TEST_P(CollectorMemoryTest, ManagesWithout) {
  CollectorTestSpace space;
  TestThread thread(space.test());
  constexpr int kCount = 3000;
  List* const root = ListNew(thread);
  for (int i = 0; i < kCount; ++i) {
    // Wide and deep at once: a list in a list in the root, and a cycle of garbage.
    List* const outer = ListNew(thread);
    List* const inner = ListNew(thread);
    List* const garbage = ListNew(thread);
    ASSERT_TRUE(ListAppend(thread, inner, AsObject(root)));
    ASSERT_TRUE(ListAppend(thread, outer, AsObject(inner)));
    ASSERT_TRUE(ListAppend(thread, root, AsObject(outer)));
    ASSERT_TRUE(ListAppend(thread, garbage, AsObject(garbage)));
    for (List* list : {outer, inner, garbage}) Decref(thread, AsObject(list));
  }
  const bool stack = strcmp(GetParam(), "gc.mark_stack") == 0;
  failing_point = GetParam();
  SetFaultHook(&FailPoint);
  CollectResult result = space.collector().Collect(thread);
  SetFaultHook(nullptr);
  failing_point = nullptr;
  space.Check(thread);
  EXPECT_EQ(result.status, stack ? CollectStatus::kDone : CollectStatus::kOutOfMemory);
  EXPECT_EQ(result.collected_count, stack ? kCount : 0);
  EXPECT_EQ(TrueCount(AsObject(root)), 1 + kCount);
  ListClear(thread, root);
  Decref(thread, AsObject(root));
  result = space.collector().Collect(thread);
  EXPECT_EQ(result.status, CollectStatus::kDone);
  EXPECT_EQ(space.test().ReferenceTotal(), 0);
}

INSTANTIATE_TEST_SUITE_P(Points, CollectorMemoryTest,
                         ::testing::Values("gc.mark_stack", "gc.candidates"));

// Every thread makes cycles through its own and the neighbour's objects, drops
// some of the neighbour's references, reads weak references; one collects all the
// time. Afterwards everything made is gone, finalized once.
TEST(CollectorStressTest, ThreadsMakeCyclesWhileOneCollects) {
  constexpr int kThreads = 6;
  const int rounds = kSlow ? 60 : 400;
  CollectorTestSpace space;
  std::atomic<int> finalized{0};
  std::atomic<int> made{0};
  std::atomic<int> called{0};
  std::atomic<int> collections{0};
  {
    TestThread thread(space.test());
    TypeObject* const type = TypeNew(thread, {.name = "node",
                                              .slot_count = 3,
                                              .finalizer = &CountFinalized,
                                              .finalizer_context = &finalized,
                                              .weakly_referable = true});
    SetMaybeWeakref(AsObject(type));
    List* const shared = ListNew(thread);
    for (int i = 0; i < kThreads; ++i) ASSERT_TRUE(ListAppend(thread, shared, AsObject(shared)));
    thread.Detach();
    space.test().RunThreads(kThreads, [&](TestThread& self, int index) {
      for (int round = 0; round < rounds; ++round) {
        if (index == 0) {
          const CollectResult result = space.collector().Collect(self);
          EXPECT_EQ(result.status, CollectStatus::kDone);
          collections.fetch_add(1);
          self.SafePoint();
          continue;
        }
        for (int i = 0; i < 8; ++i) {
          Instance* const a = InstanceNew(self, type);
          Instance* const b = InstanceNew(self, type);
          made.fetch_add(2);
          InstanceSet(self, a, 0, AsObject(b));
          InstanceSet(self, b, 0, AsObject(a));
          // Through what another thread made, so that counts cross.
          Object* const neighbour = ListGet(self, shared, (index + 1) % kThreads);
          InstanceSet(self, a, 1, neighbour);
          Decref(self, neighbour);
          WeakReference* const weak = WeakReferenceNew(
              self, AsObject(a),
              [](ObjectThread&, WeakReference*, void* context) {
                static_cast<std::atomic<int>*>(context)->fetch_add(1);
              },
              &called);
          InstanceSet(self, b, 2, AsObject(weak));
          EXPECT_TRUE(ListSet(self, shared, index, AsObject(a)));
          Object* const found = WeakReferenceGet(self, weak);
          EXPECT_EQ(found, AsObject(a));
          for (Object* each : {found, AsObject(a), AsObject(b), AsObject(weak)}) {
            Decref(self, each);
          }
        }
        self.SafePoint();
      }
    });
    thread.Attach();
    ListClear(thread, shared);
    Decref(thread, AsObject(shared));
    Decref(thread, AsObject(type));
    for (int i = 0; i < 3; ++i) {
      thread.SafePoint();
      EXPECT_EQ(space.collector().Collect(thread).status, CollectStatus::kDone);
      space.Check(thread);
    }
    EXPECT_EQ(space.test().Get(Counter::kInstancesDestroyed), made.load());
    EXPECT_EQ(finalized.load(), made.load());
    EXPECT_EQ(collections.load(), rounds);
    EXPECT_EQ(space.test().ReferenceTotal(), 0);
  }
}

}  // namespace
}  // namespace rt
