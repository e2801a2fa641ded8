// A bounded place for what a host writes to its stderr.
//
// Model.  A memfd of fixed, sealed size whose open file description is shared
// with the host: the file offset tells how much was written. No pipe, so nobody
// has to drain it, the host never blocks on it, and it survives the host. What
// does not fit is refused to the host (EPERM), so memory is bounded.
// Thread safety.  Any thread; Clear() only while the host writes nothing.
#ifndef STRESSD_DAEMON_SUPERVISOR_STDERR_CAPTURE_H_
#define STRESSD_DAEMON_SUPERVISOR_STDERR_CAPTURE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "stressd/protocol/file_descriptor.h"

namespace stressd::supervisor {

class StderrCapture {
 public:
  // 1 MiB: a hundred sanitizer reports.
  static constexpr size_t kBytesMax = size_t{1} << 20;

  StderrCapture() = default;

  static absl::StatusOr<StderrCapture> Create();

  // For the host's descriptor 2.
  int fd() const { return fd_.get(); }

  // What was written so far; at most `bytes_max`, the middle left out.
  std::string Text(size_t bytes_max) const;

  // Forgets what was written.
  void Clear();

 private:
  explicit StderrCapture(protocol::FileDescriptor fd) : fd_(std::move(fd)) {}

  protocol::FileDescriptor fd_;
};

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_STDERR_CAPTURE_H_
