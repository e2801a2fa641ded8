#include "stressd/protocol/black_box_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace stressd::protocol {
namespace {

absl::Status SystemError(absl::string_view what, int error) {
  const std::string text = absl::StrCat(what, ": ", std::strerror(error));
  if (error == ENOMEM || error == EMFILE || error == ENFILE) {
    return absl::ResourceExhaustedError(text);
  }
  return absl::InternalError(text);
}

absl::StatusOr<BlackBoxMemory*> MapPages(int fd, int flags) {
  void* memory = ::mmap(nullptr, kBlackBoxBytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (memory == MAP_FAILED) return SystemError("mmap of a black box", errno);
  return static_cast<BlackBoxMemory*>(memory);
}

}  // namespace

absl::StatusOr<FileDescriptor> CreateBlackBoxMemory() {
  FileDescriptor fd(::memfd_create("stressd-black-box", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return SystemError("memfd_create", errno);
  if (::ftruncate(fd.get(), kBlackBoxBytes) != 0) {
    return SystemError("ftruncate of a black box", errno);
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return SystemError("sealing a black box", errno);
  }
  return fd;
}

BlackBoxMapping& BlackBoxMapping::operator=(BlackBoxMapping&& other) noexcept {
  if (this != &other) {
    if (memory_ != nullptr) ::munmap(memory_, kBlackBoxBytes);
    memory_ = std::exchange(other.memory_, nullptr);
  }
  return *this;
}

BlackBoxMapping::~BlackBoxMapping() {
  if (memory_ != nullptr) ::munmap(memory_, kBlackBoxBytes);
}

absl::StatusOr<BlackBoxMapping> BlackBoxMapping::Map(int fd) {
  struct stat info = {};
  if (::fstat(fd, &info) != 0) return SystemError("fstat of a black box", errno);
  if (info.st_size != static_cast<off_t>(kBlackBoxBytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a black box has ", kBlackBoxBytes, " bytes, not ", info.st_size));
  }
  absl::StatusOr<BlackBoxMemory*> memory = MapPages(fd, MAP_SHARED);
  if (!memory.ok()) return memory.status();
  return BlackBoxMapping(*memory);
}

absl::StatusOr<BlackBoxMapping> BlackBoxMapping::MapAnonymous() {
  absl::StatusOr<BlackBoxMemory*> memory = MapPages(-1, MAP_SHARED | MAP_ANONYMOUS);
  if (!memory.ok()) return memory.status();
  return BlackBoxMapping(*memory);
}

}  // namespace stressd::protocol
