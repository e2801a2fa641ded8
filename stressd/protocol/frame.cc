#include "stressd/protocol/frame.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace stressd::protocol {
namespace {

// Payloads are received in steps of this size, so that a wrong length costs
// memory only as fast as bytes really arrive.
constexpr size_t kReceiveStepBytes = size_t{1} << 20;

constexpr size_t kControlBytes = CMSG_SPACE(kMaxFrameDescriptors * sizeof(int));

absl::Status SocketError(absl::string_view what, int error) {
  const std::string text = absl::StrCat(what, ": ", std::strerror(error));
  if (error == EPIPE || error == ECONNRESET) {
    return absl::UnavailableError(text);
  }
  return absl::InternalError(text);
}

// Waits until `fd` is ready for `events`, or in error.
absl::Status WaitReady(int fd, short events, absl::Time deadline) {
  for (;;) {
    int timeout_ms = -1;
    if (deadline != absl::InfiniteFuture()) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) {
        return absl::DeadlineExceededError("the partner did not answer in time");
      }
      // Rounded up, so that the last wait is not a busy loop; an hour at most,
      // so that the number fits.
      timeout_ms = static_cast<int>(absl::ToInt64Milliseconds(std::min(left, absl::Hours(1)))) + 1;
    }
    pollfd entry = {fd, events, 0};
    const int ready = ::poll(&entry, 1, timeout_ms);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return SocketError("poll", errno);
  }
}

// Puts `descriptors` into `message` by way of `control`.
void AttachDescriptors(absl::Span<const int> descriptors, char* control, msghdr& message) {
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
}

// Takes the descriptors that came with `message`.
void CollectDescriptors(msghdr& message, std::vector<FileDescriptor>& out) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      out.emplace_back(fd);
    }
  }
}

}  // namespace

absl::Status WriteFrame(int fd, absl::string_view payload, absl::Span<const int> descriptors,
                        absl::Duration timeout) {
  if (payload.empty() || payload.size() > kMaxFrameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame has 1 to ", kMaxFrameBytes, " bytes, not ", payload.size()));
  }
  if (descriptors.size() > kMaxFrameDescriptors) {
    return absl::InvalidArgumentError(absl::StrCat("a frame has at most ", kMaxFrameDescriptors,
                                                   " descriptors, not ", descriptors.size()));
  }
  const absl::Time deadline = absl::Now() + timeout;
  const uint32_t length = static_cast<uint32_t>(payload.size());
  char header[kFrameHeaderBytes];
  for (size_t i = 0; i < kFrameHeaderBytes; ++i) {
    header[i] = static_cast<char>((length >> (8 * i)) & 0xff);
  }
  const size_t total_bytes = kFrameHeaderBytes + payload.size();
  size_t written_bytes = 0;
  while (written_bytes < total_bytes) {
    iovec parts[2] = {};
    msghdr message = {};
    message.msg_iov = parts;
    if (written_bytes < kFrameHeaderBytes) {
      parts[0] = {header + written_bytes, kFrameHeaderBytes - written_bytes};
      parts[1] = {const_cast<char*>(payload.data()), payload.size()};
      message.msg_iovlen = 2;
    } else {
      const size_t offset = written_bytes - kFrameHeaderBytes;
      parts[0] = {const_cast<char*>(payload.data()) + offset, payload.size() - offset};
      message.msg_iovlen = 1;
    }
    alignas(cmsghdr) char control[kControlBytes] = {};
    if (written_bytes == 0 && !descriptors.empty()) {
      AttachDescriptors(descriptors, control, message);
    }
    const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      written_bytes += static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (absl::Status ready = WaitReady(fd, POLLOUT, deadline); !ready.ok()) {
        return ready;
      }
    } else if (errno != EINTR) {
      return SocketError("sendmsg", errno);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Frame>> FrameReader::Poll() {
  if (!error_.ok()) return error_;
  absl::StatusOr<bool> complete = Advance();
  if (!complete.ok()) {
    error_ = complete.status();
    frame_ = Frame();
    return error_;
  }
  if (!*complete) return std::optional<Frame>();
  header_received_bytes_ = 0;
  payload_received_bytes_ = 0;
  return std::optional<Frame>(std::exchange(frame_, Frame()));
}

absl::StatusOr<Frame> FrameReader::Read(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    absl::StatusOr<std::optional<Frame>> frame = Poll();
    if (!frame.ok()) return frame.status();
    if (frame->has_value()) return *std::move(*frame);
    if (absl::Status ready = WaitReady(fd_, POLLIN, deadline); !ready.ok()) {
      return ready;
    }
  }
}

absl::StatusOr<bool> FrameReader::Advance() {
  while (header_received_bytes_ < kFrameHeaderBytes) {
    absl::StatusOr<size_t> received =
        Receive(reinterpret_cast<char*>(header_) + header_received_bytes_,
                kFrameHeaderBytes - header_received_bytes_);
    if (!received.ok()) return received.status();
    if (*received == 0) return false;
    header_received_bytes_ += *received;
  }
  uint32_t length = 0;
  for (size_t i = 0; i < kFrameHeaderBytes; ++i) {
    length |= uint32_t{header_[i]} << (8 * i);
  }
  if (length == 0 || length > kMaxFrameBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "F1: a frame of ", length, " bytes was announced; 1 to ", kMaxFrameBytes, " are allowed"));
  }
  while (payload_received_bytes_ < length) {
    const size_t step_bytes = std::min(length - payload_received_bytes_, kReceiveStepBytes);
    frame_.payload.resize(payload_received_bytes_ + step_bytes);
    absl::StatusOr<size_t> received =
        Receive(frame_.payload.data() + payload_received_bytes_, step_bytes);
    if (!received.ok()) return received.status();
    if (*received == 0) return false;
    payload_received_bytes_ += *received;
  }
  return true;
}

absl::StatusOr<size_t> FrameReader::Receive(char* data, size_t bytes) {
  for (;;) {
    iovec part = {data, bytes};
    alignas(cmsghdr) char control[kControlBytes] = {};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t received = ::recvmsg(fd_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received > 0) {
      CollectDescriptors(message, frame_.descriptors);
      if ((message.msg_flags & MSG_CTRUNC) != 0 ||
          frame_.descriptors.size() > kMaxFrameDescriptors) {
        return absl::InvalidArgumentError(
            absl::StrCat("a frame came with more than ", kMaxFrameDescriptors, " descriptors"));
      }
      return static_cast<size_t>(received);
    }
    if (received == 0) return ClosedByPartner();
    if (errno == EAGAIN || errno == EWOULDBLOCK) return size_t{0};
    if (errno == ECONNRESET) return ClosedByPartner();
    if (errno != EINTR) return SocketError("recvmsg", errno);
  }
}

absl::Status FrameReader::ClosedByPartner() const {
  if (header_received_bytes_ == 0) {
    return absl::OutOfRangeError("the partner has closed the socket");
  }
  return absl::DataLossError("the partner has closed inside a frame");
}

}  // namespace stressd::protocol
