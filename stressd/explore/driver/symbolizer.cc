#include "stressd/explore/driver/symbolizer.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>

extern char** environ;

namespace explore {
namespace {

// One command line holds this many addresses.
constexpr size_t kChunk = 512;

// What `argv` prints.
std::string Capture(std::vector<std::string> argv) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) return "";
  std::vector<char*> arguments;
  for (std::string& argument : argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got; error == 0 && (got = read(out[0], buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(got));
  }
  close(out[0]);
  if (error == 0) waitpid(pid, nullptr, 0);
  return text;
}

bool IsLibrary(const std::string& place) {
  return place.find("/include/c++/") != std::string::npos;
}

std::string BaseName(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

void Symbolizer::Prefetch(const std::vector<uint64_t>& return_addresses) {
  std::vector<uint64_t> unknown;
  for (const uint64_t address : return_addresses) {
    if (known_.emplace(address, "").second) unknown.push_back(address);
  }
  for (size_t start = 0; start < unknown.size(); start += kChunk) {
    std::vector<std::string> argv = {"llvm-symbolizer-19", "--obj=" + program_};
    char text[32];
    const size_t end = start + kChunk < unknown.size() ? start + kChunk : unknown.size();
    for (size_t i = start; i < end; ++i) {
      snprintf(text, sizeof(text), "0x%llx",
               static_cast<unsigned long long>(unknown[i] - image_base_ - 1));
      argv.push_back(text);
    }
    // Two lines per inlined frame, innermost first, and an empty one at the end.
    std::istringstream lines(Capture(argv));
    for (size_t i = start; i < end; ++i) {
      std::string function;
      std::string place;
      for (std::string name; std::getline(lines, name) && !name.empty();) {
        std::string where;
        std::getline(lines, where);
        // The first frame that is not the library's: what the program's author wrote.
        if (!function.empty() && !IsLibrary(place)) continue;
        if (!function.empty() && IsLibrary(where)) continue;
        function = name;
        place = where;
      }
      if (function.empty() || function == "??") {
        snprintf(text, sizeof(text), "0x%llx",
                 static_cast<unsigned long long>(unknown[i] - image_base_));
        known_[unknown[i]] = text;
      } else {
        known_[unknown[i]] = function + " " + BaseName(place);
      }
    }
  }
}

const std::string& Symbolizer::Describe(uint64_t return_address) {
  const auto found = known_.find(return_address);
  if (found != known_.end()) return found->second;
  Prefetch({return_address});
  return known_[return_address];
}

std::string Symbolizer::Function(uint64_t return_address) {
  const std::string& text = Describe(return_address);
  return text.substr(0, text.rfind(' '));
}

}  // namespace explore
