// The program's side of the exchange with `stress-explore`.
//
// Model.  The program runs alone up to its fork point: the moment its first
// thread would start, or the first question for an optional part. There it
// becomes a server: for every schedule that the
// driver asks for it forks a child, which goes on from that point under the
// engine; the server waits for the child and judges its end. A program that was
// started without a driver passes the fork point once, with the strategy and
// seed that STRESS_EXPLORE_SEED gives.
// Thread safety.  The engine's OS thread only.
// Fork.  The child is made by the bare system call, so the C library still
// counts the context pool's lenders as alive and keeps its hands off their
// stacks.
#ifndef STRESSD_EXPLORE_FORK_SERVER_H_
#define STRESSD_EXPLORE_FORK_SERVER_H_

#include <stdint.h>

#include "stressd/explore/exchange.h"

namespace explore {

// The driver's memory, or private memory with a default request.
Exchange* AttachExchange();
bool HasDriver();

// Where the program's own code is loaded.
uint64_t ImageBase();

// What follows differs from schedule to schedule. Returns in the process that
// runs the schedule; the server never returns. Later calls do nothing.
void PassForkPoint();

// Serves batches by calling `run_batch` in one child per batch; never returns.
[[noreturn]] void ServeBatches(void (*run_batch)());

// Ends the process of a schedule whose finding has been written down.
[[noreturn]] void LeaveProcess();

}  // namespace explore

#endif  // STRESSD_EXPLORE_FORK_SERVER_H_
