// Initialization that happens once.
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
