// Prints the crashing thread's stack, then lets the signal end the process.
//
// Model.  For SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT and SIGTRAP. The stack
// goes to stderr in the sanitizers' form of a frame, one per line; the signal
// and its address go to the black box. The process then dies of the same signal,
// so that its parent sees what happened. A second crash, in the handler or in
// another thread, ends the process at once.
// Thread safety.  InstallCrashHandler(): before the process starts threads.
// Fork.  Children keep the handler.
#ifndef STRESSD_HOST_CRASH_HANDLER_H_
#define STRESSD_HOST_CRASH_HANDLER_H_

#include "stressd/protocol/black_box_writer.h"

namespace stressd::host {

// Null: no black box any more. `writer` must live until then.
void InstallCrashHandler(protocol::BlackBoxWriter* writer);

}  // namespace stressd::host

#endif  // STRESSD_HOST_CRASH_HANDLER_H_
