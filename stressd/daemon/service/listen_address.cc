#include "stressd/daemon/service/listen_address.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {
namespace {

constexpr char kAllowed[] =
    "unix:/PATH of at most 107 bytes, 127.0.0.1:PORT, [::1]:PORT or localhost:PORT";

constexpr size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

bool IsLoopback(const std::string& host) {
  in_addr v4 = {};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6 = {};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace

absl::StatusOr<ListenAddress> ListenAddress::Parse(absl::string_view text) {
  ListenAddress address;
  absl::string_view rest = text;
  const bool is_unix = absl::ConsumePrefix(&rest, "unix:");
  if (is_unix || absl::StartsWith(text, "/")) {
    // "unix:///path" is another spelling of "unix:/path".
    if (is_unix) absl::ConsumePrefix(&rest, "//");
    if (rest.empty() || rest.size() > kPathBytesMax) {
      return FieldError("listen", text, "is not a path for a socket", kAllowed);
    }
    address.unix_path = std::string(rest);
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) {
    return FieldError("listen", text, "has no port", kAllowed);
  }
  absl::string_view host = text.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[") && !absl::ConsumeSuffix(&host, "]")) host = "";
  const absl::string_view port = text.substr(colon + 1);
  address.host = host == "localhost" ? "127.0.0.1" : std::string(host);
  if (port.empty() || !absl::ascii_isdigit(port[0]) || !absl::SimpleAtoi(port, &address.port) ||
      address.port > 65535) {
    return FieldError("listen", text, "has no port from 0 to 65535", kAllowed);
  }
  if (!IsLoopback(address.host)) {
    return FieldError("listen", text, "is not on loopback", kAllowed);
  }
  return address;
}

std::string ListenAddress::Text() const {
  if (!unix_path.empty()) return absl::StrCat("unix:", unix_path);
  return absl::StrContains(host, ":") ? absl::StrCat("[", host, "]:", port)
                                      : absl::StrCat(host, ":", port);
}

std::string DefaultSocketPath(const std::string& state_folder) {
  const char* runtime_folder = std::getenv("XDG_RUNTIME_DIR");
  if (runtime_folder != nullptr && runtime_folder[0] == '/') {
    return absl::StrCat(runtime_folder, "/stressd/stressd.sock");
  }
  // Where clients of the system's daemon look.
  if (geteuid() == 0) return "/run/stressd/stressd.sock";
  return absl::StrCat(state_folder, "/stressd.sock");
}

absl::StatusOr<UnixSocket> UnixSocket::Claim(const std::string& path) {
  const auto failed = [&path](absl::StatusCode code, absl::string_view cause) {
    return absl::Status(code, absl::StrCat("listen: \"", path, "\" cannot be used: ", cause,
                                           "; allowed: a path that no other daemon listens on"));
  };
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    const absl::Status made = store::MakeFolders(path.substr(0, slash));
    if (!made.ok()) return failed(made.code(), made.message());
  }
  absl::StatusOr<store::FileLock> lock = store::FileLock::Acquire(path + ".lock");
  if (!lock.ok()) return failed(lock.status().code(), lock.status().message());
  struct stat info = {};
  if (lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) {
      lock->RemoveFile();
      return failed(absl::StatusCode::kFailedPrecondition, "it exists and is no socket");
    }
    // Nobody holds the lock, so its daemon is dead.
    unlink(path.c_str());
  }
  return UnixSocket(path, *std::move(lock));
}

UnixSocket::UnixSocket(std::string path, store::FileLock lock)
    : path_(std::move(path)), lock_(std::move(lock)) {}

UnixSocket::~UnixSocket() {
  if (path_.empty()) return;  // Moved from.
  unlink(path_.c_str());
  lock_->RemoveFile();
}

}  // namespace stressd::service
