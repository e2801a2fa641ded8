#include "stressd/explore/driver/target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace explore {
namespace {

// A program has this long to reach its first thread.
constexpr int kStartLimitMs = 60000;
constexpr off_t kOutputTail = 4096;

std::string Hex(const unsigned char* bytes, size_t count) {
  std::string text;
  char digits[3];
  for (size_t i = 0; i < count; ++i) {
    snprintf(digits, sizeof(digits), "%02x", bytes[i]);
    text += digits;
  }
  return text;
}

std::string FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    char* path = realpath(name.c_str(), nullptr);
    std::string result = path == nullptr ? name : path;
    free(path);
    return result;
  }
  const char* path = getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return name;
}

}  // namespace

Target::Target(std::vector<std::string> command, double timeout_s)
    : command_(std::move(command)), timeout_s_(timeout_s) {}

Target::~Target() {
  if (pid_ > 0) {
    const pid_t child = exchange_->result.child_pid;
    if (child > 0) kill(child, SIGKILL);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  for (const int descriptor : {commands_, answers_, output_}) {
    if (descriptor >= 0) close(descriptor);
  }
  if (exchange_ != nullptr) munmap(exchange_, sizeof(Exchange));
}

std::string Target::Start() {
  program_ = FindProgram(command_[0]);
  build_id_ = BuildIdOf(program_);
  const int memory = memfd_create("stress-explore", 0);
  output_ = memfd_create("stress-explore-output", 0);
  int commands[2];
  int answers[2];
  if (memory < 0 || output_ < 0 || ftruncate(memory, sizeof(Exchange)) != 0 ||
      pipe2(commands, 0) != 0 || pipe2(answers, 0) != 0) {
    return std::string("cannot make the exchange: ") + strerror(errno);
  }
  fcntl(output_, F_SETFL, O_APPEND);
  void* pages = mmap(nullptr, sizeof(Exchange), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (pages == MAP_FAILED) return std::string("cannot map the exchange: ") + strerror(errno);
  exchange_ = static_cast<Exchange*>(pages);
  exchange_->magic = kMagic;
  exchange_->version = kVersion;
  std::vector<char*> argv;
  for (std::string& argument : command_) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) return std::string("cannot fork: ") + strerror(errno);
  if (pid_ == 0) {
    personality(ADDR_NO_RANDOMIZE);
    close(commands[1]);
    close(answers[0]);
    dup2(output_, 1);
    dup2(output_, 2);
    const std::string descriptors = std::to_string(memory) + "," + std::to_string(commands[0]) +
                                    "," + std::to_string(answers[1]) + "," +
                                    std::to_string(output_);
    setenv(kDescriptorsVariable, descriptors.c_str(), 1);
    execv(program_.c_str(), argv.data());
    _exit(127);
  }
  close(memory);
  close(commands[0]);
  close(answers[1]);
  commands_ = commands[1];
  answers_ = answers[0];
  fcntl(commands_, F_SETFD, FD_CLOEXEC);
  fcntl(answers_, F_SETFD, FD_CLOEXEC);
  fcntl(output_, F_SETFD, FD_CLOEXEC);
  pollfd ready{answers_, POLLIN, 0};
  char byte;
  if (poll(&ready, 1, kStartLimitMs) == 1 && read(answers_, &byte, 1) == 1) return "";
  if (ready.revents == 0) return "the program started no thread within 60 s";
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return "cannot run " + program_;
  }
  return "the program ended before it started a thread; is it compiled with -fsanitize=thread and "
         "linked with the explore library? It printed: " +
         Output();
}

bool Target::Run() {
  if (pid_ < 0) return false;
  const char byte = 'r';
  exchange_->result.runs_done = 0;
  if (write(commands_, &byte, 1) != 1) return false;
  uint32_t seen = 0;
  auto limit = std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout_s_);
  while (true) {
    pollfd ready{answers_, POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        limit - std::chrono::steady_clock::now());
    const int got = poll(&ready, 1, left.count() < 0 ? 0 : static_cast<int>(left.count()) + 1);
    if (got == 1) {
      char answer;
      return read(answers_, &answer, 1) == 1;
    }
    if (got < 0 && errno != EINTR) return false;
    const uint32_t done = *const_cast<volatile uint32_t*>(&exchange_->result.runs_done);
    if (done == seen && std::chrono::steady_clock::now() >= limit) {
      const pid_t child = *const_cast<volatile int32_t*>(&exchange_->result.child_pid);
      if (child > 0) kill(child, SIGKILL);
      limit += std::chrono::seconds(5);
    } else if (done != seen) {
      seen = done;
      limit = std::chrono::steady_clock::now() +
              std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                  std::chrono::duration<double>(timeout_s_));
    }
  }
}

std::string Target::Output() const {
  const off_t size = lseek(output_, 0, SEEK_END);
  const off_t start = size > kOutputTail ? size - kOutputTail : 0;
  std::string text(static_cast<size_t>(size - start), '\0');
  const ssize_t got = pread(output_, text.data(), text.size(), start);
  text.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return text;
}

double Target::CpuSeconds() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  std::string line;
  std::getline(file, line);
  // The name in parentheses may hold anything; after it the state and 10 numbers.
  std::istringstream rest(line.substr(std::min(line.rfind(')') + 1, line.size())));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  long ticks = 0;
  for (int i = 0; i < 4; ++i) {  // utime, stime, cutime, cstime
    long value = 0;
    rest >> value;
    ticks += value;
  }
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string BuildIdOf(const std::string& program) {
  std::ifstream file(program, std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  const std::string image = all.str();
  if (image.size() < sizeof(Elf64_Ehdr) || memcmp(image.data(), ELFMAG, SELFMAG) != 0) {
    return "unknown";
  }
  uint64_t hash = image.size();
  for (const unsigned char byte : image) hash = (hash ^ byte) * 0x100000001b3;
  const std::string without = Hex(reinterpret_cast<const unsigned char*>(&hash), sizeof(hash));
  Elf64_Ehdr header;
  memcpy(&header, image.data(), sizeof(header));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const size_t at = header.e_phoff + static_cast<size_t>(i) * header.e_phentsize;
    if (at + sizeof(segment) > image.size()) return without;
    memcpy(&segment, image.data() + at, sizeof(segment));
    if (segment.p_type != PT_NOTE) continue;
    size_t note = segment.p_offset;
    while (note + sizeof(Elf64_Nhdr) <= segment.p_offset + segment.p_filesz) {
      Elf64_Nhdr entry;
      memcpy(&entry, image.data() + note, sizeof(entry));
      const size_t name = note + sizeof(entry);
      const size_t value = name + ((entry.n_namesz + 3) & ~3u);
      if (value + entry.n_descsz > image.size()) return without;
      if (entry.n_type == NT_GNU_BUILD_ID && entry.n_namesz == 4) {
        return Hex(reinterpret_cast<const unsigned char*>(image.data()) + value, entry.n_descsz);
      }
      note = value + ((entry.n_descsz + 3) & ~3u);
    }
  }
  return without;
}

}  // namespace explore
