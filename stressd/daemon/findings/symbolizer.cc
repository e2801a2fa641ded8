#include "stressd/daemon/findings/symbolizer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"

namespace stressd::findings {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// A file in memory that holds `text`, to be read from its start: unlike a pipe
// it cannot block us. -1 if there is none.
int InputFile(absl::string_view text) {
  const int fd = memfd_create("symbolizer-input", MFD_CLOEXEC);
  if (fd < 0) return -1;
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      close(fd);
      return -1;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

pid_t Spawn(const std::string& path, int input, int output) {
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) return -1;
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = path;
  std::string inlines = "--no-inlines";
  std::string demangle = "--demangle";
  std::array<char*, 4> arguments = {program.data(), inlines.data(), demangle.data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, path.c_str(), &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? pid : -1;
}

// Reads until the end of the file or the deadline.
std::string ReadAll(int fd, absl::Time deadline) {
  std::string out;
  std::array<char, 4096> buffer;
  for (;;) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return out;
    pollfd waiting = {fd, POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (ready < 0 && errno != EINTR) return out;
    if (ready <= 0) continue;
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return out;
    out.append(buffer.data(), static_cast<size_t>(count));
  }
}

std::string Query(const std::string& path, absl::string_view question, absl::Duration limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "";
  Descriptor output(ends[0]);
  Descriptor output_writer(ends[1]);
  Descriptor input(InputFile(question));
  if (input.get() < 0) return "";
  const pid_t pid = Spawn(path, input.get(), output_writer.get());
  output_writer.Close();
  if (pid < 0) return "";
  std::string answer = ReadAll(output.get(), absl::Now() + limit);
  // Its output is complete or late: in both cases it is not needed any more.
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return answer;
}

}  // namespace

Symbolizer::Symbolizer(std::string path, absl::Duration deadline)
    : path_(std::move(path)), deadline_(deadline) {}

void Symbolizer::Symbolize(std::vector<StackFrame>& frames) const {
  std::string question;
  std::vector<StackFrame*> asked;
  for (StackFrame& frame : frames) {
    // ThreadSanitizer prints a module's name without its folder. A quote or
    // line break in the path would be another question.
    if (!frame.function.empty() || !absl::StartsWith(frame.module, "/") ||
        frame.module.find_first_of("\"\n") != std::string::npos) {
      continue;
    }
    asked.push_back(&frame);
    absl::StrAppend(&question, "\"", frame.module, "\" 0x", absl::Hex(frame.module_offset), "\n");
  }
  if (asked.empty()) return;
  // An answer is a function, a place and an empty line.
  const std::string answer = Query(path_, question, deadline_);
  std::vector<absl::string_view> blocks = absl::StrSplit(answer, "\n\n");
  for (size_t i = 0; i < asked.size() && i < blocks.size(); ++i) {
    const std::vector<absl::string_view> lines = absl::StrSplit(blocks[i], '\n');
    if (lines.size() < 2 || lines[0] == "??") continue;
    asked[i]->function = std::string(lines[0]);
    absl::string_view file = lines[1];
    for (int part = 0; part < 2; ++part) file = file.substr(0, file.rfind(':'));
    if (file != "??") asked[i]->file = std::string(file);
  }
}

}  // namespace stressd::findings
