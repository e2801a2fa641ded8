// Checks of the object layer's invariants; each dies through RT_CHECK with the
// invariant's name.
//
// Thread safety.  The world is stopped, or nobody but the caller runs; the
// freelist check is also for the owner at any time.
// Invariants checked.
//   INV-B-1  true count >= 0 (> 0 if alive)
//   INV-B-2  queued <=> exactly one entry, in the owner's queue
//   INV-B-3  merged => local == 0, owner == 0
//   INV-B-5  flag and counts fit: initial => shared >= 0
//   INV-B-6  an immortal object is not queued, in either sense
//   INV-B-7  a queue belongs to a thread that is in the table
//   FL-1     chain length == size; FL-2 what is on a freelist is dead and empty
//   FL-3     a number there is as one that was never shared

#ifndef RUNTIME_OBJECT_INVARIANTS_H_
#define RUNTIME_OBJECT_INVARIANTS_H_

#include <cstddef>

namespace rt {

struct Object;
struct ObjectSpace;
struct ObjectThread;

// Checks one live object (its header and its type).
void CheckObjectInvariantsWorldStopped(const Object* object);

// Checks every entry of every merge queue of `space`; returns their number.
size_t CheckMergeQueueInvariantsWorldStopped(ObjectSpace& space);

// Checks the freelists of `thread`.
void CheckFreelistInvariants(ObjectThread& thread);

// Checks the type table.
void CheckTypeInvariantsWorldStopped(ObjectSpace& space);

}  // namespace rt

#endif  // RUNTIME_OBJECT_INVARIANTS_H_
