// Thread-specific data and destructors of thread_local objects.
//
// Thread safety.  The engine's OS thread only.
#ifndef STRESSD_EXPLORE_INTERPOSE_KEYS_H_
#define STRESSD_EXPLORE_INTERPOSE_KEYS_H_

#include "stressd/explore/thread.h"

namespace explore {

// Runs the keys' destructors of an ending thread, in rounds, as POSIX says.
void RunKeyDestructors(Thread& thread);

void FreeDestructorRecord(ThreadLocalDestructor* record);

}  // namespace explore

#endif  // STRESSD_EXPLORE_INTERPOSE_KEYS_H_
