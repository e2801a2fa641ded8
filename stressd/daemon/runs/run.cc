#include "stressd/daemon/runs/run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace stressd::runs {
namespace {

// `text` as one word of a POSIX shell.
std::string ShellWord(absl::string_view text) {
  constexpr absl::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "-_=.:/+@%,";
  if (!text.empty() && text.find_first_not_of(kPlain) == text.npos) {
    return std::string(text);
  }
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

}  // namespace

std::string RepeatCommandLine(const RunRecord& run) {
  const RunSpec& spec = run.spec;
  std::string line = absl::StrCat("stressctl run ", ShellWord(spec.scenario),
                                  " --flavor=", ShellWord(spec.flavor));
  if (spec.host_kind != HostKind::kUnspecified) {
    absl::StrAppend(&line, " --host=", HostKindName(spec.host_kind));
  }
  if (spec.seed.has_value()) absl::StrAppend(&line, " --seed=", *spec.seed);
  for (const auto& [name, value] : spec.parameters) {
    absl::StrAppend(&line, " --param=", ShellWord(absl::StrCat(name, "=", value)));
  }
  if (spec.duration > absl::ZeroDuration()) {
    absl::StrAppend(&line, " --duration=", absl::FormatDuration(spec.duration));
  }
  if (!spec.plan.empty() && spec.plan != "none") {
    absl::StrAppend(&line, " --plan=", ShellWord(spec.plan));
  }
  return line;
}

std::string BoundedText(std::string text, size_t bytes_max) {
  // 64: enough for the line in the middle.
  constexpr size_t kNoteBytes = 64;
  if (text.size() <= bytes_max) return text;
  const size_t kept = bytes_max > kNoteBytes ? bytes_max - kNoteBytes : 0;
  const size_t head = kept / 2;
  const size_t tail = kept - head;
  const std::string note = absl::StrCat("\n[... ", text.size() - kept, " bytes left out ...]\n");
  return absl::StrCat(absl::string_view(text).substr(0, head),
                      absl::string_view(note).substr(0, std::min(note.size(), bytes_max - kept)),
                      absl::string_view(text).substr(text.size() - tail));
}

}  // namespace stressd::runs
