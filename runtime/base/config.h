// The build switches of the runtime core, each with its default.
//
// Model.  A flavor (//bazel:flavor_table.bzl) sets a switch with -D; a source
// that asks for one includes this header, so that a switch is never undefined.
// All switches must be the same in every object file of a program: they change
// inline functions and the layout of a few debug-only fields.
#ifndef RUNTIME_BASE_CONFIG_H_
#define RUNTIME_BASE_CONFIG_H_

// 1: RT_DCHECK, poisoning of dead memory and per-operation invariant checks.
#ifndef RT_CHECKS
#define RT_CHECKS 1
#endif

// 1: atomics, locks and waits pass a named schedule point.
#ifndef RT_SCHEDULE_POINTS
#define RT_SCHEDULE_POINTS 1
#endif

// 1: every reference taken or dropped is counted per thread and per type.
#ifndef RT_REFERENCE_TOTALS
#define RT_REFERENCE_TOTALS 1
#endif

// 1: objects of fixed size are kept on per-thread freelists for reuse.
#ifndef RT_FREELISTS
#define RT_FREELISTS 1
#endif

#endif  // RUNTIME_BASE_CONFIG_H_
