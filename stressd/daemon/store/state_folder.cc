#include "stressd/daemon/store/state_folder.h"

#include <fcntl.h>
#include <string.h>  // strerror_r would not be clearer: one thread starts up.
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace stressd::store {
namespace {

absl::Status ErrnoStatus(int error, absl::string_view what) {
  const std::string text = absl::StrCat(what, ": ", std::string(strerror(error)));
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::FailedPreconditionError(text);
  }
}

absl::Status CheckWritable(const std::string& folder) {
  const std::string probe = folder + "/.writable";
  const int fd = open(probe.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC | O_TRUNC, 0640);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot write ", probe));
  const bool written = write(fd, "x", 1) == 1;
  const int error = errno;
  close(fd);
  unlink(probe.c_str());
  return written ? absl::OkStatus() : ErrnoStatus(error, absl::StrCat("cannot write ", probe));
}

// Somebody else holds the lock; the file has its pid.
absl::Status HeldStatus(int fd, const std::string& path) {
  std::array<char, 32> pid = {};
  const ssize_t size = pread(fd, pid.data(), pid.size() - 1, 0);
  absl::string_view holder(pid.data(), size > 0 ? static_cast<size_t>(size) : 0);
  holder = holder.substr(0, holder.find('\n'));
  return absl::FailedPreconditionError(absl::StrCat(
      path, " is held by another daemon", holder.empty() ? "" : absl::StrCat(", pid ", holder)));
}

}  // namespace

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& path) {
  for (;;) {
    const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0640);
    if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", path));
    FileLock lock(fd, path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) return HeldStatus(fd, path);
    // Its last holder may have removed the file between our open and lock: then
    // we hold a file that nobody else can see.
    struct stat held = {};
    struct stat named = {};
    if (fstat(fd, &held) != 0 || stat(path.c_str(), &named) != 0 || held.st_ino != named.st_ino ||
        held.st_dev != named.st_dev) {
      continue;
    }
    const std::string pid = absl::StrCat(getpid(), "\n");
    if (ftruncate(fd, 0) != 0 ||
        pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
      return ErrnoStatus(errno, absl::StrCat("cannot write ", path));
    }
    return lock;
  }
}

FileLock::FileLock(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

FileLock::FileLock(FileLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

void FileLock::RemoveFile() {
  if (fd_ >= 0) unlink(path_.c_str());
}

absl::Status MakeFolders(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), 0750) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, absl::StrCat("cannot make folder ", part));
    }
    if (end == std::string::npos) break;
  }
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
  if (!S_ISDIR(info.st_mode)) return ErrnoStatus(ENOTDIR, path);
  return absl::OkStatus();
}

absl::StatusOr<StateFolder> StateFolder::Open(const std::string& path) {
  const auto failed = [&path](const absl::Status& cause) {
    return absl::Status(cause.code(),
                        absl::StrCat("state_dir: \"", path, "\" is not usable: ", cause.message(),
                                     "; allowed: a folder that this user may write and no "
                                     "other daemon uses"));
  };
  if (path.empty()) return failed(absl::InvalidArgumentError("it is empty"));
  if (absl::Status made = MakeFolders(path); !made.ok()) return failed(made);
  if (absl::Status ok = CheckWritable(path); !ok.ok()) return failed(ok);
  absl::StatusOr<FileLock> lock = FileLock::Acquire(path + "/lock");
  if (!lock.ok()) return failed(lock.status());
  return StateFolder(path, *std::move(lock));
}

std::string StateFolder::File(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

StateFolder::StateFolder(std::string path, FileLock lock)
    : path_(std::move(path)), lock_(std::move(lock)) {}

}  // namespace stressd::store
