// Kernels of locks, stops and the lives of thread states.
//
//   lock-hand-over  three threads and one mutex, which sleep and wake one another
//   stop-attach     inside a stop nobody else is attached
//   heap-adopt      a thread leaves its heaps, the next one takes them, a third one frees
//   create-collect  a thread state is made and dies while another one collects

#include <cstdint>

#include "runtime/base/futex.h"
#include "runtime/sync/mutex.h"
#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {

void LockHandOver() {
  rt::Mutex mutex;
  int64_t count = 0;  // Plain: without mutual exclusion a race, and a lost step.
  const auto step = [&](int64_t held_ns) {
    mutex.Lock();
    ++count;
    // Lets time pass, which under the engine is a number: who sleeps for the mutex
    // has then waited long enough to be handed it.
    rt::Atomic<uint32_t> nobody{0};
    if (held_ns > 0) rt::FutexWait(nobody, 0, held_ns);
    ++count;
    mutex.Unlock();
  };
  RunTogether({[&] { step(2 * rt::Mutex::kFairnessNs); }, [&] { step(0); },
               [&] {
                 step(0);
                 step(0);
               }});
  Judge(count == 8, "two threads were in the mutex at once");
  Judge(!mutex.IsLocked(), "the mutex stays locked");
}

void StopAttach() {
  Stage stage;
  rt::ThreadState& stopper = stage.NewActor();
  rt::ThreadState& worker = stage.NewActor();
  int64_t shared = 0;  // Plain: only ever touched attached, or alone in a stop.
  stage.Strike({[&] {
                  Judge(rt::Attach(stopper), "attach");
                  Judge(rt::StopTheWorld(stopper, rt::StopScope::kInterpreter), "stop");
                  const int64_t seen = shared;
                  Judge(rt::StatusOf(worker) != rt::ThreadStatus::kAttached,
                        "attached in a stopped world");
                  shared = seen + 1;
                  rt::StartTheWorld(stopper);
                  rt::Detach(stopper);
                },
                [&] {
                  for (int turn = 0; turn < 2; ++turn) {
                    Judge(rt::Attach(worker), "attach");
                    ++shared;
                    Judge(rt::SafePoint(worker), "safe point");
                    ++shared;
                    rt::Detach(worker);
                  }
                }});
  Judge(shared == 5, "the worker ran inside the stop");
  stage.Finish();
}

void HeapAdopt() {
  Stage stage;
  rt::ThreadState& leaver = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  rt::ThreadState& heir = stage.NewActor();
  rt::Object* object = nullptr;
  stage.As(leaver, [&] { object = rt::AsObject(rt::ListNew(leaver)); });
  Judge(object != nullptr, "no memory for a list");
  stage.As(leaver, [&] { rt::Incref(leaver, object); });
  stage.Strike({[&] {
                  Judge(rt::Attach(leaver), "attach");
                  rt::Decref(leaver, object);
                  stage.Leave(leaver);
                },
                [&] {
                  Judge(rt::Attach(other), "attach");
                  rt::Decref(other, object);  // A block of the leaver's heap dies here.
                  rt::Detach(other);
                },
                [&] {
                  Judge(rt::Attach(heir), "attach");
                  rt::Object* const mine = rt::AsObject(rt::ListNew(heir));  // Adopts.
                  Judge(mine != nullptr, "no memory for the heir");
                  rt::Decref(heir, mine);
                  rt::Detach(heir);
                }});
  stage.Finish();
}

void CreateCollect() {
  Stage stage;
  rt::ThreadState& collector = stage.NewActor();
  stage.Strike({[&] {
                  Judge(rt::Attach(collector), "attach");
                  const rt::CollectStatus status = rt::Collect(collector).status;
                  Judge(status == rt::CollectStatus::kDone, "no collection");
                  rt::Detach(collector);
                },
                [&] {
                  rt::ScopedThreadState life(stage.interpreter());
                  Judge(static_cast<bool>(life), "no thread state");
                  rt::List* const list = rt::ListNew(*life);
                  Judge(list != nullptr && rt::ListAppend(*life, list, rt::AsObject(list)),
                        "no memory for a cycle");
                  rt::Decref(*life, rt::AsObject(list));  // Garbage from here on.
                }});
  Judge(rt::Collect(stage.director()).status == rt::CollectStatus::kDone, "no collection");
  stage.Finish();
}

}  // namespace stressd::kernels
