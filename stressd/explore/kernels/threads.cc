// Kernels of locks, stops and the lives of thread states.
//
//   lock-hand-over  four threads and one mutex, which sleep and wake one another
//   stop-attach     inside a stop nobody else is attached
//   stop-queue      three threads stop the world, each in its turn
//   stop-reader     who comes out of a stop is a reader as before
//   exit-stop       a thread state ends while another thread stops the world
//   exit-walk       a thread state ends while another thread walks the list of them
//   clear-stopper   a thread state is cleared that waits for its turn to stop

#include <cstdint>

#include "runtime/base/futex.h"
#include "runtime/qsbr/qsbr.h"
#include "runtime/sync/mutex.h"
#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {

void LockHandOver() {
  TakeSlowPaths();
  rt::Mutex mutex;
  int64_t count = 0;               // Plain: without mutual exclusion a race, and a lost step.
  int64_t made[4] = {0, 0, 0, 0};  // Steps, by thread.
  const auto step = [&](int thread, int64_t held_ns) {
    ++made[thread];
    mutex.Lock();
    ++count;
    // Lets time pass, which under the engine is a number: who sleeps for the mutex
    // has then waited long enough to be handed it.
    rt::Atomic<uint32_t> nobody{0};
    if (held_ns > 0) rt::FutexWait(nobody, 0, held_ns);
    ++count;
    mutex.Unlock();
  };
  RunTogether({[&] { step(0, 2 * rt::Mutex::kFairnessNs); }, [&] { step(1, 0); },
               [&] { step(2, 0); },
               [&] {
                 for (int turn = 0; turn < 2; ++turn) {
                   if (Keeps(turn)) step(3, 0);
                 }
               }});
  Judge(count == 2 * (made[0] + made[1] + made[2] + made[3]),
        "two threads were in the mutex at once");
  Judge(!mutex.IsLocked(), "the mutex stays locked");
}

void StopAttach() {
  Stage stage;
  rt::ThreadState& stopper = stage.NewActor();
  rt::ThreadState& worker = stage.NewActor();
  int64_t shared = 0;        // Plain: only ever touched attached, or alone in a stop.
  int64_t made[2] = {0, 0};  // Steps, by thread.
  stage.Strike({[&] {
                  Judge(rt::Attach(stopper), "attach");
                  Judge(rt::StopTheWorld(stopper, rt::StopScope::kInterpreter), "stop");
                  const int64_t seen = shared;
                  Judge(rt::StatusOf(worker) != rt::ThreadStatus::kAttached,
                        "attached in a stopped world");
                  shared = seen + 1;
                  ++made[0];
                  rt::StartTheWorld(stopper);
                  rt::Detach(stopper);
                },
                [&] {
                  for (int turn = 0; turn < 2; ++turn) {
                    if (!Keeps(turn)) continue;
                    Judge(rt::Attach(worker), "attach");
                    ++shared;
                    Judge(rt::SafePoint(worker), "safe point");
                    ++shared;
                    rt::Detach(worker);
                    made[1] += 2;
                  }
                }});
  Judge(shared == made[0] + made[1], "the worker ran inside the stop");
  stage.Finish();
}

void StopQueue() {
  Stage stage;
  rt::ThreadState* const stoppers[] = {&stage.NewActor(), &stage.NewActor(), &stage.NewActor()};
  int64_t shared = 0;           // Plain: only ever touched by who has stopped the others.
  int64_t made[3] = {0, 0, 0};  // Steps, by thread.
  const auto stop = [&](int thread) {
    rt::ThreadState& stopper = *stoppers[thread];
    Perform(stopper, [&] {
      Judge(rt::StopTheWorld(stopper, rt::StopScope::kInterpreter), "stop");
      ++shared;
      rt::StartTheWorld(stopper);
    });
    ++made[thread];
  };
  stage.Strike({[&] { stop(0); }, [&] { stop(1); }, [&] { stop(2); }});
  Judge(shared == made[0] + made[1] + made[2], "two threads had stopped the world at once");
  stage.Finish();
}

void StopReader() {
  Stage stage;
  TakeSlowPaths({"object.list_growth", "alloc.delayed_chunk_full"});
  rt::ThreadState& reader = stage.NewActor();
  rt::ThreadState& writer = stage.NewActor();
  rt::List* const list = rt::ListNew(stage.director(), 1);
  const auto append = [&](rt::ThreadState& thread) {
    rt::Object* const number = rt::AsObject(rt::NumberNew(thread, 1));
    Judge(rt::ListAppend(thread, list, number), "no memory to grow");
    rt::Decref(thread, number);
  };
  append(stage.director());
  stage.Strike({[&] {
                  Judge(rt::Attach(reader), "attach");
                  // A stop may keep it here; then it is attached on its behalf.
                  Judge(rt::SafePoint(reader), "safe point");
                  rt::Object* const item = rt::ListGet(reader, list, 0);
                  Judge(item != nullptr && rt::NumberValue(item) == 1, "the item is gone");
                  rt::Decref(reader, item);
                  rt::Detach(reader);
                },
                [&] {
                  Perform(writer, [&] {
                    Judge(rt::StopTheWorld(writer, rt::StopScope::kInterpreter), "stop");
                    rt::StartTheWorld(writer);
                    append(writer);
                    Judge(rt::SafePoint(writer), "safe point");
                    (void)writer.delayed_free.Process();
                  });
                }});
  rt::Decref(stage.director(), rt::AsObject(list));
  stage.Finish();
}

void ExitStop() {
  Stage stage;
  rt::ThreadState& leaver = stage.NewActor();
  rt::ThreadState& stopper = stage.NewActor();
  rt::QsbrShared& qsbr = stage.interpreter().space().qsbr;
  stage.Strike({[&] {
                  Judge(rt::Attach(leaver), "attach");
                  stage.Leave(leaver);
                },
                [&] {
                  Perform(stopper, [&] {
                    Judge(rt::StopTheWorld(stopper, rt::StopScope::kInterpreter), "stop");
                    const rt::QsbrSequence goal = qsbr.Advance();
                    qsbr.QuiescentState(*stopper.qsbr_slot);
                    Judge(qsbr.Poll(*stopper.qsbr_slot, goal), "somebody reads in a stopped world");
                    stage.interpreter().CheckInvariantsWorldStopped(stopper);
                    rt::StartTheWorld(stopper);
                  });
                }});
  stage.Finish();
}

void ExitWalk() {
  Stage stage;
  rt::ThreadState& leaver = stage.NewActor();
  rt::Object* const number = rt::AsObject(rt::NumberNew(stage.director(), 1));
  stage.As(leaver, [&] { rt::Incref(leaver, number); });
  const int64_t total = stage.interpreter().ReadReferenceTotal();
  stage.Strike({[&] {
                  Judge(rt::Attach(leaver), "attach");
                  stage.Leave(leaver);  // Its counts go to the interpreter.
                },
                [&] {
                  Judge(stage.interpreter().ReadReferenceTotal() == total,
                        "a walk saw counts twice or not at all");
                  rt::ThreadReading readings[2];
                  const size_t count = stage.interpreter().ReadThreads(readings);
                  Judge(count == 1 || count == 2, "a walk saw a thread state that was never there");
                }});
  for (int drop = 0; drop < 2; ++drop) rt::Decref(stage.director(), number);
  stage.Finish();
}

void ClearStopper() {
  Stage stage;
  rt::ThreadState& victim = stage.NewActor();
  rt::ThreadState& killer = stage.NewActor();
  stage.Strike({[&] {
                  if (!rt::Attach(victim)) return;
                  // Refused, if it is cleared while it waits for its turn.
                  if (!rt::StopTheWorld(victim, rt::StopScope::kInterpreter)) return;
                  rt::StartTheWorld(victim);
                  if (rt::SafePoint(victim)) rt::Detach(victim);
                },
                [&] {
                  Perform(killer, [&] {
                    Judge(rt::StopTheWorld(killer, rt::StopScope::kInterpreter), "stop");
                    // Nobody is attached now; it may wait, or not have come yet.
                    rt::ClearThreadState(killer, victim);
                    rt::StartTheWorld(killer);
                    // The turn must come back from whoever got it.
                    Judge(rt::StopTheWorld(killer, rt::StopScope::kInterpreter), "second stop");
                    rt::StartTheWorld(killer);
                  });
                }});
  stage.Finish();
}

}  // namespace stressd::kernels
