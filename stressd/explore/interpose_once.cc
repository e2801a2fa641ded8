// Initialization that happens once: pthread_once, and the guards of function
// static variables, whose own code in the C++ library is not instrumented.
#include "stressd/explore/interpose.h"

namespace explore {

int RunOnce(void* once, void (*function)(), uintptr_t pc) {
  SyncObject* object = Enter(OperationKind::kWait, once, pc);
  Thread& thread = *g_engine.current();
  // The word itself remembers what happened before the engine's first schedule.
  int* word = static_cast<int*>(once);
  if (!object->known) {
    object->known = true;
    object->state = *word != 0 ? SyncState::kDone : SyncState::kNew;
  }
  g_engine.Wait(WaitKind::kOnce, object);
  g_engine.detector().Acquire(thread, object->clock);
  if (object->state == SyncState::kDone) return 0;
  object->state = SyncState::kRunning;
  object->owner = thread.id;
  function();
  object->state = SyncState::kDone;
  object->owner = kNoThread;
  *word = 2;  // glibc's "done".
  g_engine.detector().Release(thread, object->clock);
  return 0;
}

}  // namespace explore

extern "C" int pthread_once(pthread_once_t* once, void (*function)()) {
  return explore::RunOnce(once, function, EXPLORE_CALLER_PC());
}

using namespace explore;  // The C names below stand for one call each.

extern "C" {

// The first byte of a guard says whether the variable is initialized; compiled
// code looks at it with an acquire load before it calls these.
int __cxa_guard_acquire(uint64_t* guard) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  SyncObject* object = Enter(OperationKind::kWait, guard, pc);
  g_engine.Wait(WaitKind::kOnce, object);
  g_engine.detector().Acquire(*g_engine.current(), object->clock);
  if (*reinterpret_cast<const uint8_t*>(guard) != 0) return 0;
  object->state = SyncState::kRunning;
  object->owner = g_engine.current()->id;
  return 1;
}

void __cxa_guard_release(uint64_t* guard) {
  SyncObject* object = Enter(OperationKind::kSignal, guard, EXPLORE_CALLER_PC());
  *reinterpret_cast<uint8_t*>(guard) = 1;
  object->state = SyncState::kDone;
  object->owner = kNoThread;
  g_engine.detector().Release(*g_engine.current(), object->clock);
}

void __cxa_guard_abort(uint64_t* guard) {
  SyncObject* object = Enter(OperationKind::kSignal, guard, EXPLORE_CALLER_PC());
  object->state = SyncState::kNew;
  object->owner = kNoThread;
}

}  // extern "C"
