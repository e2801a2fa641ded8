#include "stressd/daemon/findings/report_parser.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace stressd::findings {
namespace {

using Lines = std::vector<absl::string_view>;
using Stack = std::vector<StackFrame>;

// Most threads a dump's name is made of.
constexpr size_t kThreadFramesMax = 4;

Lines SplitLines(absl::string_view text) { return absl::StrSplit(text, '\n'); }

// The stacks of `lines` from `begin` on: a stack ends where its numbering
// starts again or another kind of line stands.
std::vector<Stack> StacksFrom(const Lines& lines, size_t begin, size_t end) {
  std::vector<Stack> stacks;
  bool open = false;
  for (size_t i = begin; i < end; ++i) {
    std::optional<StackFrame> frame = ParseStackFrame(lines[i]);
    if (!frame.has_value()) {
      open = false;
      continue;
    }
    if (!open || frame->index == 0) stacks.emplace_back();
    open = true;
    stacks.back().push_back(*std::move(frame));
  }
  return stacks;
}

// The frames that name a stack: own ones, or where there are none, whatever is
// not the sanitizer itself.
std::vector<std::string> TopFrames(Stack stack, const Symbolize& symbolize, size_t limit) {
  if (symbolize) symbolize(stack);
  std::vector<std::string> own;
  std::vector<std::string> other;
  for (const StackFrame& frame : stack) {
    const std::string key = FrameKey(frame);
    // A crash prints its innermost frame twice; a recursion has any depth.
    if (key.empty() || (!own.empty() && own.back() == key)) continue;
    if (IsOwnFrame(frame)) {
      if (own.size() < limit) own.push_back(key);
    } else if (!IsInterceptorFrame(frame) && other.size() < limit) {
      other.push_back(key);
    }
  }
  return own.empty() ? other : own;
}

struct Headline {
  size_t line = 0;
  std::string tool;
  absl::string_view rest;  // After "Tool: ".
};

// "==12==ERROR: AddressSanitizer: ..." or "WARNING: ThreadSanitizer: ...".
std::optional<Headline> FindHeadline(const Lines& lines) {
  constexpr std::array kTools = {"AddressSanitizer", "LeakSanitizer", "ThreadSanitizer",
                                 "UndefinedBehaviorSanitizer"};
  for (size_t i = 0; i < lines.size(); ++i) {
    const absl::string_view line = lines[i];
    for (absl::string_view level : {"ERROR: ", "WARNING: ", "FATAL: "}) {
      const size_t at = line.find(level);
      if (at == absl::string_view::npos) continue;
      absl::string_view rest = line.substr(at + level.size());
      for (absl::string_view tool : kTools) {
        if (absl::ConsumePrefix(&rest, absl::StrCat(tool, ": "))) {
          return Headline{i, std::string(tool), rest};
        }
      }
    }
    const size_t ub = line.find(": runtime error: ");
    if (ub != absl::string_view::npos) {
      return Headline{i, "UndefinedBehaviorSanitizer",
                      line.substr(ub + sizeof(": runtime error: ") - 1)};
    }
  }
  return std::nullopt;
}

// The frames of the earlier access of a race; none if its stack could not be restored.
std::vector<std::string> OtherAccess(const Lines& lines, size_t begin, size_t end,
                                     const Symbolize& symbolize) {
  for (size_t i = begin; i + 1 < end; ++i) {
    if (!absl::StartsWith(lines[i], "  Previous ")) continue;
    if (!ParseStackFrame(lines[i + 1]).has_value()) break;
    std::vector<Stack> stacks = StacksFrom(lines, i + 1, end);
    return TopFrames(std::move(stacks[0]), symbolize, kFramesPerStackMax);
  }
  return {};
}

absl::string_view Before(absl::string_view text, absl::string_view mark) {
  return text.substr(0, text.find(mark));
}

std::string KindOf(const Headline& headline) {
  if (headline.tool == "LeakSanitizer") return "memory leak";
  absl::string_view rest = headline.rest;
  if (headline.tool == "UndefinedBehaviorSanitizer") {
    rest = Before(rest, ": ");
  } else {
    rest = Before(rest, " (pid=");
    absl::ConsumePrefix(&rest, "attempting ");
    for (absl::string_view mark :
         {" on address", " on unknown address", " in thread", ": ", " 0x"}) {
      rest = Before(rest, mark);
    }
    rest = Before(rest, " on 0x");
  }
  return WithoutNumbers(absl::StripAsciiWhitespace(rest));
}

// UBSan may print no stack: then "file:line:column: runtime error" is all.
std::vector<std::string> PlaceOfHeadline(absl::string_view line) {
  absl::string_view file = Before(line, ": runtime error: ");
  file = Before(file, ":");
  return {NormalizeFile(absl::StripAsciiWhitespace(file))};
}

}  // namespace

std::string WithoutNumbers(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const bool inside_word = !out.empty() && (absl::ascii_isalpha(out.back()) || out.back() == '_');
    if (absl::ascii_isdigit(text[i]) && !inside_word) {
      if (absl::StartsWith(text.substr(i), "0x")) i += 2;
      while (i < text.size() && absl::ascii_isxdigit(text[i])) ++i;
      out += 'N';
    } else {
      out += text[i++];
    }
  }
  return out;
}

ParsedReport ParseSanitizerReport(absl::string_view text, const Symbolize& symbolize) {
  ParsedReport report;
  const Lines lines = SplitLines(text);
  const std::optional<Headline> headline = FindHeadline(lines);
  if (!headline.has_value()) return report;
  report.tool = headline->tool;
  report.kind = KindOf(*headline);
  size_t end = lines.size();
  for (size_t i = headline->line + 1; i < end; ++i) {
    if (absl::StartsWith(lines[i], "SUMMARY: ")) end = i;
  }
  const size_t text_end = std::min(end + 1, lines.size());
  report.text = absl::StrJoin(lines.begin() + static_cast<ptrdiff_t>(headline->line),
                              lines.begin() + static_cast<ptrdiff_t>(text_end), "\n");
  std::vector<Stack> stacks = StacksFrom(lines, headline->line + 1, end);
  if (!stacks.empty()) {
    report.frames = TopFrames(std::move(stacks[0]), symbolize, kFramesPerStackMax);
  }
  if (report.tool == "ThreadSanitizer") {
    std::vector<std::string> other = OtherAccess(lines, headline->line + 1, end, symbolize);
    if (!other.empty() && other < report.frames) std::swap(other, report.frames);
    report.frames.insert(report.frames.end(), other.begin(), other.end());
  }
  if (report.frames.empty() && report.tool == "UndefinedBehaviorSanitizer") {
    report.frames = PlaceOfHeadline(lines[headline->line]);
  }
  report.title = absl::StrCat(report.tool, ": ", report.kind, report.frames.empty() ? "" : " in ",
                              report.frames.empty() ? "" : Before(report.frames[0], " "));
  return report;
}

std::vector<ParsedReport> ParseSanitizerReports(absl::string_view text,
                                                const Symbolize& symbolize) {
  std::vector<ParsedReport> reports;
  std::vector<ParsedReport> partial;
  while (!text.empty()) {
    const Lines lines = SplitLines(text);
    const std::optional<Headline> headline = FindHeadline(lines);
    if (!headline.has_value()) break;
    // Up to the next one, so that a report without a summary ends there.
    const Lines rest(lines.begin() + static_cast<ptrdiff_t>(headline->line) + 1, lines.end());
    const std::optional<Headline> next = FindHeadline(rest);
    const auto begin = static_cast<size_t>(lines[headline->line].data() - text.data());
    const size_t end =
        next.has_value() ? static_cast<size_t>(rest[next->line].data() - text.data()) : text.size();
    const absl::string_view section = text.substr(begin, end - begin);
    ParsedReport report = ParseSanitizerReport(section, symbolize);
    const bool whole = !absl::StrContains(report.text, kLeftOutMark);
    const bool known = std::any_of(reports.begin(), reports.end(), [&](const ParsedReport& each) {
      return each.tool == report.tool && each.kind == report.kind && each.frames == report.frames;
    });
    if (!known) (whole ? reports : partial).push_back(std::move(report));
    text.remove_prefix(end);
  }
  return reports.empty() ? partial : reports;
}

std::vector<std::string> ParseCrashStack(absl::string_view text, const Symbolize& symbolize) {
  const Lines lines = SplitLines(text);
  for (Stack& stack : StacksFrom(lines, 0, lines.size())) {
    std::vector<std::string> frames = TopFrames(std::move(stack), symbolize, kFramesPerStackMax);
    if (!frames.empty()) return frames;
  }
  return {};
}

std::vector<std::string> ParseAllStacks(absl::string_view text, const Symbolize& symbolize) {
  const Lines lines = SplitLines(text);
  std::vector<std::string> innermost;
  for (Stack& stack : StacksFrom(lines, 0, lines.size())) {
    const std::vector<std::string> top = TopFrames(std::move(stack), symbolize, 1);
    if (!top.empty()) innermost.push_back(top[0]);
  }
  std::sort(innermost.begin(), innermost.end());
  innermost.erase(std::unique(innermost.begin(), innermost.end()), innermost.end());
  if (innermost.size() > kThreadFramesMax) innermost.resize(kThreadFramesMax);
  return innermost;
}

}  // namespace stressd::findings
