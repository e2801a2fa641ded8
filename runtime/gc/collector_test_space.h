// A collector over the object layer's test space: no state/ needed.

#ifndef RUNTIME_GC_COLLECTOR_TEST_SPACE_H_
#define RUNTIME_GC_COLLECTOR_TEST_SPACE_H_

#include "runtime/gc/collector.h"
#include "runtime/object/object_test_space.h"

namespace rt {

class CollectorTestSpace {
 public:
  CollectorTestSpace() : collector_(test_.space(), MakeHooks()) {}

  ObjectTestSpace& test() { return test_; }
  ObjectSpace& space() { return test_.space(); }
  Collector& collector() { return collector_; }

  // Checks the collector's and every live object's invariants in a stop.
  void Check(TestThread& thread) {
    const ObjectSpaceHooks& hooks = space().hooks;
    hooks.stop_the_world(thread);
    collector_.CheckInvariantsWorldStopped();
    hooks.start_the_world(thread);
  }

 private:
  CollectorHooks MakeHooks() {
    CollectorHooks hooks;
    hooks.context = this;
    hooks.stop = [](void* context, ObjectThread& caller) {
      Self(context).space().hooks.stop_the_world(caller);
      return true;
    };
    hooks.start = [](void* context, ObjectThread& caller) {
      Self(context).space().hooks.start_the_world(caller);
    };
    hooks.safe_point = [](void*, ObjectThread& caller) {
      static_cast<TestThread&>(caller).SafePoint();
      return true;
    };
    hooks.has_stopped = [](void*, const ObjectThread&) { return false; };
    // In this test space nobody comes or goes while the world is stopped.
    hooks.lock = [](void* context) { Self(context).test_.LockThreads(); };
    hooks.unlock = [](void* context) { Self(context).test_.UnlockThreads(); };
    hooks.next_thread = [](void* context, ObjectThread* thread) {
      return Self(context).test_.NextThread(thread);
    };
    return hooks;
  }

  static CollectorTestSpace& Self(void* context) {
    return *static_cast<CollectorTestSpace*>(context);
  }

  ObjectTestSpace test_;
  Collector collector_;
};

}  // namespace rt

#endif  // RUNTIME_GC_COLLECTOR_TEST_SPACE_H_
