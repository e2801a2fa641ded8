#include "stressd/host/explored/target_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "stressd/protocol/file_descriptor.h"

namespace stressd::host {
namespace {

std::string ReadAll(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(size));
  }
}

absl::Status Unavailable(const std::string& program, const std::string& why) {
  return absl::UnavailableError(absl::StrCat("the program under the engine, ", program, ", ", why));
}

}  // namespace

std::string TargetProgram() {
  // What execve() was given, symbolic links and all.
  const char* const own = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  const std::string path = own != nullptr ? own : "";
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
  return folder + "/" + std::string(kTargetName);
}

absl::StatusOr<std::vector<KernelDescription>> ListKernels(const std::string& program) {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe2");
  protocol::FileDescriptor reader(ends[0]);
  protocol::FileDescriptor writer(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  std::string path = program;
  char* const arguments[] = {path.data(), nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, path.c_str(), &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  writer.Reset();
  if (error != 0) {
    return Unavailable(program,
                       absl::StrCat("cannot be run: ", absl::ErrnoToStatus(error, "").message()));
  }
  const std::string listing = ReadAll(reader.get());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  std::vector<KernelDescription> kernels = ParseKernelList(listing);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || kernels.empty()) {
    return Unavailable(program, "does not list its kernels");
  }
  return kernels;
}

std::vector<KernelDescription> ParseKernelList(std::string_view listing) {
  std::vector<KernelDescription> kernels;
  while (!listing.empty()) {
    const size_t end = listing.find('\n');
    const std::string_view line = listing.substr(0, end);
    listing.remove_prefix(end == std::string_view::npos ? listing.size() : end + 1);
    const size_t name_end = line.find(' ');
    if (name_end == 0 || name_end == std::string_view::npos) continue;
    const size_t summary = line.find_first_not_of(' ', name_end);
    if (summary == std::string_view::npos) continue;
    kernels.push_back({std::string(line.substr(0, name_end)), std::string(line.substr(summary))});
  }
  return kernels;
}

}  // namespace stressd::host
