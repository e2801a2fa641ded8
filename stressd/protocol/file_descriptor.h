// A file descriptor with one owner, closed by its destructor.
//
// Thread safety.  None beyond that of an int.
#ifndef STRESSD_PROTOCOL_FILE_DESCRIPTOR_H_
#define STRESSD_PROTOCOL_FILE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace stressd::protocol {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  // Owns `fd`; a negative one is none.
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Gives the descriptor away.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }

  // Closes the descriptor and owns `fd` instead. Linux closes it even where
  // close() reports an error, so there is nothing to retry.
  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_FILE_DESCRIPTOR_H_
