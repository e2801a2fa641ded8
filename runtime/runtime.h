// The runtime core in one include: what an embedder needs.
//
// Model.  A Runtime holds Interpreters; an OS thread works in one of them
//   through a ThreadState that it attaches, reaching a safe point now and then.
//   runtime/README.md explains the parts, runtime/example shows a program.

#ifndef RUNTIME_RUNTIME_H_
#define RUNTIME_RUNTIME_H_

// IWYU pragma: begin_exports
#include "runtime/object/dict.h"
#include "runtime/object/instance.h"
#include "runtime/object/list.h"
#include "runtime/object/number.h"
#include "runtime/object/object.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tuple.h"
#include "runtime/object/type.h"
#include "runtime/object/weak_reference.h"
#include "runtime/state/balance.h"
#include "runtime/state/collection.h"
#include "runtime/state/extension.h"
#include "runtime/state/fork.h"
#include "runtime/state/interpreter.h"
#include "runtime/state/lease.h"
#include "runtime/state/pending_call.h"
#include "runtime/state/runtime.h"
#include "runtime/state/stop_the_world.h"
#include "runtime/state/thread_state.h"
// IWYU pragma: end_exports

#endif  // RUNTIME_RUNTIME_H_
