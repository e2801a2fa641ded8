// Kernels that must fail, so that a silent engine is noticed.
//
//   canary-lost-update  two threads add without an atomic step: one update may be lost; a
//                       third one looks on, for the minimizer to leave out
//   canary-dead-block   an object is read that has died, though nothing races

#include <atomic>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {

void CanaryLostUpdate() {
  rt::Atomic<int64_t> count{0};
  const auto add = [&] {
    // relaxed, both: no race of C++, the wrong thing all the same.
    const int64_t seen = count.load(std::memory_order_relaxed);
    count.store(seen + 1, std::memory_order_relaxed);
  };
  const auto look = [&] {
    // relaxed: the value means nothing yet.
    Judge(count.load(std::memory_order_relaxed) <= 2, "more than was added");
  };
  RunTogether({add, add, look});
  Judge(count.load(std::memory_order_relaxed) == 2, "an update was lost");
}

void CanaryDeadBlock() {
  Stage stage;
  rt::TypeSpec spec;
  spec.slot_count = 1;
  rt::TypeObject* const type = rt::TypeNew(stage.director(), spec);
  Judge(type != nullptr, "no memory for a type");
  rt::ThreadState& owner = stage.NewActor();
  rt::Object* object = nullptr;
  stage.As(owner, [&] { object = rt::AsObject(rt::InstanceNew(owner, type)); });
  Judge(object != nullptr, "no memory for an instance");
  rt::Atomic<int> dead{0};
  stage.Strike({[&] {
                  Perform(owner, [&] { rt::Decref(owner, object); });
                  dead.store(1, std::memory_order_release);  // pairs with: the load below.
                },
                [&] {
                  // acquire: the death happened before the read, which is wrong all the same.
                  if (dead.load(std::memory_order_acquire) == 0) return;
                  // Behind the header, which may be read when it is dead.
                  const volatile char* const slot =
                      reinterpret_cast<const volatile char*>(object) + sizeof(rt::Object);
                  static_cast<void>(*slot);
                }});
  rt::Decref(stage.director(), rt::AsObject(type));
  stage.Finish();
}

}  // namespace stressd::kernels
