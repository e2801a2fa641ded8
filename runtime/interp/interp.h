// Several interpreters at once, in one include: running in another one, giving it data.
//
// Model.  runtime.h makes interpreters, leases and destroys them by id (lease.h there);
//   RunIn() works in one from anywhere; an Exchange carries immutable data between them
//   through queues and channels, and knows exactly what is left over.

#ifndef RUNTIME_INTERP_INTERP_H_
#define RUNTIME_INTERP_INTERP_H_

// IWYU pragma: begin_exports
#include "runtime/interp/channel.h"
#include "runtime/interp/cross_data.h"
#include "runtime/interp/exchange.h"
#include "runtime/interp/queue.h"
#include "runtime/interp/run_in.h"
#include "runtime/runtime.h"
// IWYU pragma: end_exports

#endif  // RUNTIME_INTERP_INTERP_H_
