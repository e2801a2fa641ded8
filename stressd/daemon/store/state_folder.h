// The daemon's state folder: made if missing, checked, and held by one daemon.
//
// Model.  The lock is flock() on the file `lock` in the folder, so it ends with
// the process however that ends. The file names the holder's pid for people.
// Thread safety.  Movable value; the lock lives as long as it.
#ifndef STRESSD_DAEMON_STORE_STATE_FOLDER_H_
#define STRESSD_DAEMON_STORE_STATE_FOLDER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace stressd::store {

// Holds flock() on a file until it is destroyed.
class FileLock {
 public:
  // Makes the file, mode 0640, if it is missing. FailedPreconditionError if
  // another process holds it (the message has its pid), PermissionDeniedError
  // or InternalError if it cannot be opened.
  static absl::StatusOr<FileLock> Acquire(const std::string& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

  // Removes the file while the lock is still held: leaves nothing behind.
  void RemoveFile();

 private:
  FileLock(int fd, std::string path);

  int fd_;
  std::string path_;
};

class StateFolder {
 public:
  // Makes `path` (mode 0750, with parents), checks that a file can be written
  // and locks it. The errors name `--state-dir`, the path and the cause.
  static absl::StatusOr<StateFolder> Open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const;

 private:
  StateFolder(std::string path, FileLock lock);

  std::string path_;
  FileLock lock_;
};

// Makes a folder and its parents, mode 0750. PermissionDeniedError or
// FailedPreconditionError with the cause.
absl::Status MakeFolders(const std::string& path);

}  // namespace stressd::store

#endif  // STRESSD_DAEMON_STORE_STATE_FOLDER_H_
