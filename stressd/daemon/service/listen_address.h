// Where the daemon listens: a unix socket of its own, or TCP on loopback.
//
// Model.  A unix socket is guarded by a lock file beside it, PATH.lock: who
// holds it owns the path and may remove a socket that a dead daemon left. Both
// files go with the UnixSocket. TCP is for loopback only; there is no
// authentication yet.
// Thread safety.  Plain values.
#ifndef STRESSD_DAEMON_SERVICE_LISTEN_ADDRESS_H_
#define STRESSD_DAEMON_SERVICE_LISTEN_ADDRESS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "stressd/daemon/store/state_folder.h"

namespace stressd::service {

// "unix:/run/stressd/stressd.sock" or "/run/...": `unix_path` is set. Else
// host and port. InvalidArgumentError names `listen`.
struct ListenAddress {
  std::string unix_path;
  std::string host;
  int port = 0;  // 0: any.

  static absl::StatusOr<ListenAddress> Parse(absl::string_view text);

  // As gRPC and clients take it: "unix:/path", "127.0.0.1:4300", "[::1]:0".
  std::string Text() const;
};

// The path of the socket if none is given: in $XDG_RUNTIME_DIR/stressd if that
// is set, for root in /run/stressd, else in the state folder.
std::string DefaultSocketPath(const std::string& state_folder);

// Owns the path of a unix socket.
class UnixSocket {
 public:
  // Makes the folder, takes the lock, removes a stale socket.
  // FailedPreconditionError: another daemon listens there, or the path is
  // something else. The messages name `listen`.
  static absl::StatusOr<UnixSocket> Claim(const std::string& path);

  UnixSocket(UnixSocket&&) = default;
  UnixSocket& operator=(UnixSocket&&) = delete;
  // Removes socket and lock file.
  ~UnixSocket();

 private:
  UnixSocket(std::string path, store::FileLock lock);

  std::string path_;
  std::optional<store::FileLock> lock_;
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_LISTEN_ADDRESS_H_
