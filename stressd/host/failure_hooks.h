// Notes in the black box why the process is about to die.
//
// Model.  Installs what is told of a broken invariant (RT_CHECK), of a
// sanitizer's report and of its death. All of them write into one black box,
// chosen once per process.
// Thread safety.  InstallFailureHooks(): before the process starts threads.
// Fork.  Children keep the hooks and write into the same box.
#ifndef STRESSD_HOST_FAILURE_HOOKS_H_
#define STRESSD_HOST_FAILURE_HOOKS_H_

#include "stressd/protocol/black_box_writer.h"

namespace stressd::host {

// Null: no black box any more. `writer` must live until then.
void InstallFailureHooks(protocol::BlackBoxWriter* writer);

}  // namespace stressd::host

#endif  // STRESSD_HOST_FAILURE_HOOKS_H_
