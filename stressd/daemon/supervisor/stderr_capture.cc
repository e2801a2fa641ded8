#include "stressd/daemon/supervisor/stderr_capture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "stressd/daemon/runs/run.h"

namespace stressd::supervisor {

absl::StatusOr<StderrCapture> StderrCapture::Create() {
  protocol::FileDescriptor fd(memfd_create("stressd-stderr", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "memfd_create for stderr");
  if (ftruncate(fd.get(), kBytesMax) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return absl::ErrnoToStatus(errno, "sizing the memory for stderr");
  }
  return StderrCapture(std::move(fd));
}

std::string StderrCapture::Text(size_t bytes_max) const {
  // The host shares the offset and might have moved it anywhere.
  const off_t offset = lseek(fd_.get(), 0, SEEK_CUR);
  if (offset <= 0) return "";
  std::string text(std::min(static_cast<size_t>(offset), kBytesMax), '\0');
  size_t read_bytes = 0;
  while (read_bytes < text.size()) {
    const ssize_t n = pread(fd_.get(), text.data() + read_bytes, text.size() - read_bytes,
                            static_cast<off_t>(read_bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    read_bytes += static_cast<size_t>(n);
  }
  text.resize(read_bytes);
  return runs::BoundedText(std::move(text), bytes_max);
}

void StderrCapture::Clear() {
  // The bytes stay, unseen: the offset tells how much counts.
  (void)lseek(fd_.get(), 0, SEEK_SET);
}

}  // namespace stressd::supervisor
