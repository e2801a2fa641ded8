// The daemon as a whole: what is started in which order, and ended in the other.
//
// Model.  State folder, sockets, store, hosts, findings, runs, soaks, server.
// Run() then waits for SIGTERM or SIGINT, taking a sample of the hosts now and
// then, and drains: health, soaks, runs (watchers see them end), calls, hosts,
// store, sockets. Signals are blocked in all threads from the start.
// Thread safety.  The main thread.
#ifndef STRESSD_DAEMON_SERVICE_DAEMON_H_
#define STRESSD_DAEMON_SERVICE_DAEMON_H_

#include "stressd/daemon/service/daemon_options.h"

namespace stressd::service {

// Runs a daemon until it is told to stop. Returns the exit code of the process:
// 0, or 3 if it could not start, with the reason on stderr.
int RunDaemon(const DaemonOptions& options);

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_DAEMON_H_
