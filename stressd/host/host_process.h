// What every process that executes runs has: its black box, the hooks that write
// into it when the process is about to die, and a runtime.
//
// Model.  At most one at a time per process, on the main thread, made before and
// destroyed after all other threads: the hooks write to its box at any time.
// Thread safety.  Start(): once. The accessors: any thread after it.
#ifndef STRESSD_HOST_HOST_PROCESS_H_
#define STRESSD_HOST_HOST_PROCESS_H_

#include <memory>

#include "runtime/state/runtime.h"
#include "stressd/protocol/black_box_memory.h"
#include "stressd/protocol/black_box_writer.h"

namespace stressd::host {

class HostProcess {
 public:
  explicit HostProcess(protocol::BlackBoxMapping box);
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;
  ~HostProcess();

  // Formats the box, installs the hooks, makes the runtime. Returns false, with
  // a line on stderr, when memory is short.
  [[nodiscard]] bool Start();

  // Null before Start().
  rt::Runtime* runtime() const { return runtime_.get(); }
  protocol::BlackBoxWriter* writer() { return &writer_; }

 private:
  const protocol::BlackBoxMapping box_;
  protocol::BlackBoxWriter writer_;
  std::unique_ptr<rt::Runtime> runtime_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_HOST_PROCESS_H_
