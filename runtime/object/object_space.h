// The interpreter's part of the object layer.
//
// Model.  One per interpreter, filled by state/: which threads own which
// objects (merge table), which types exist, and what the layers below keep per
// interpreter. What only state/ can do is reached through hooks.
// Thread safety.  Each member has its own rules.
// Fork.  ObjectSpaceBeforeFork() and its counterparts care for what this folder
// owns in it; the members of lower folders are state/fork.cc's.

#ifndef RUNTIME_OBJECT_OBJECT_SPACE_H_
#define RUNTIME_OBJECT_OBJECT_SPACE_H_

#include <cstddef>
#include <cstdint>

#include "runtime/alloc/bundle_pool.h"
#include "runtime/alloc/delayed_free.h"
#include "runtime/alloc/page_hold.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/per_thread_count.h"
#include "runtime/object/tracking.h"
#include "runtime/object/type.h"
#include "runtime/object/weak_reference.h"
#include "runtime/qsbr/qsbr.h"

namespace rt {

struct ObjectThread;

struct ObjectSpaceHooks {
  // Stops every other attached thread of the interpreter; returns with the
  // world stopped. The caller holds no runtime mutex. Cannot fail.
  void (*stop_the_world)(ObjectThread& thread) = nullptr;
  void (*start_the_world)(ObjectThread& thread) = nullptr;
  // Keeps `owner`, which is not attached, from attaching until return_owner(), so
  // that the caller may merge its objects; false if it cannot. The mutex of the
  // owner's merge bucket is held. Null, both: owners merge for themselves.
  bool (*borrow_owner)(ObjectThread& owner) = nullptr;
  void (*return_owner)(ObjectThread& owner) = nullptr;
  // The reference total of one stat index, over every thread living or dead.
  // Not exact while threads run. No runtime mutex is held.
  int64_t (*reference_total)(void* context, size_t stat_index) = nullptr;
  void* context = nullptr;  // For the hooks; state/'s interpreter.
  // Of the bundles that thread states get when they first allocate.
  PageHold page_hold;
};

struct ObjectSpace {
  // Makes the built-in types. Every hook must be set; `delayed_free_hooks.qsbr`
  // is filled in here, and `release_object` defaults to dropping a reference.
  ObjectSpace(const ObjectSpaceHooks& hooks, const QsbrMemory& qsbr_memory,
              DelayedFreeHooks delayed_free_hooks,
              QsbrSequence first_sequence = kQsbrFirstSequence);
  ObjectSpace(const ObjectSpace&) = delete;
  ObjectSpace& operator=(const ObjectSpace&) = delete;

  const ObjectSpaceHooks hooks;

  // The large tables first: what the child of a fork writes comes after them, so
  // that it copies a page or two, and not one for each member.
  MergeTable merge_table;
  WeakReferenceTable weak_references;
  TypeTable types;
  PerThreadCountPool per_thread_counts;
  CollectionCounts collection;

  // Of the lower folders, one per interpreter.
  QsbrShared qsbr;
  BundlePool bundle_pool;
  InterpreterDelayedFree delayed_free;
};

// Around fork(): takes and renews the mutexes that this folder owns in it, in
// lock order. The members of lower folders are state/fork.cc's.
void ObjectSpaceBeforeFork(ObjectSpace& space);
void ObjectSpaceAfterForkParent(ObjectSpace& space);
void ObjectSpaceAfterForkChild(ObjectSpace& space);

}  // namespace rt

#endif  // RUNTIME_OBJECT_OBJECT_SPACE_H_
