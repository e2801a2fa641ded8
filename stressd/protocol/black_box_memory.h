// The memory of a black box: made by the daemon, mapped by daemon and host.
//
// Model.  The memfd's size is sealed, so a host gone mad cannot shorten it
// under the daemon's mapping (which would be a SIGBUS there).
// Thread safety.  None; the mapped memory has its own rules.
// Fork.  A mapping is shared with forked children.
#ifndef STRESSD_PROTOCOL_BLACK_BOX_MEMORY_H_
#define STRESSD_PROTOCOL_BLACK_BOX_MEMORY_H_

#include <utility>

#include "absl/status/statusor.h"
#include "stressd/protocol/black_box_layout.h"
#include "stressd/protocol/file_descriptor.h"

namespace stressd::protocol {

// Makes a black box of zeros, close-on-exec, its size sealed.
absl::StatusOr<FileDescriptor> CreateBlackBoxMemory();

// A mapping of a black box, unmapped by its destructor.
class BlackBoxMapping {
 public:
  BlackBoxMapping() = default;
  BlackBoxMapping(BlackBoxMapping&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)) {}
  BlackBoxMapping& operator=(BlackBoxMapping&& other) noexcept;
  ~BlackBoxMapping();

  // Maps `fd`, which may be closed afterwards. Returns InvalidArgument when it
  // is not kBlackBoxBytes long.
  static absl::StatusOr<BlackBoxMapping> Map(int fd);
  // The same without a daemon: for hosts started from the shell, and tests.
  static absl::StatusOr<BlackBoxMapping> MapAnonymous();

  // Null after a move.
  BlackBoxMemory* memory() const { return memory_; }

 private:
  explicit BlackBoxMapping(BlackBoxMemory* memory) : memory_(memory) {}

  BlackBoxMemory* memory_ = nullptr;
};

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_BLACK_BOX_MEMORY_H_
