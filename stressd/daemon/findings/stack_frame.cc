#include "stressd/daemon/findings/stack_frame.h"

#include <array>
#include <cctype>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace stressd::findings {
namespace {

// Takes a hexadecimal number with its 0x off the front of `text`.
bool ConsumeHex(absl::string_view& text, uint64_t& value) {
  if (!absl::StartsWith(text, "0x")) return false;
  size_t end = 2;
  while (end < text.size() && absl::ascii_isxdigit(text[end])) ++end;
  if (!absl::SimpleHexAtoi(text.substr(2, end - 2), &value)) return false;
  text.remove_prefix(end);
  return true;
}

void TrimFront(absl::string_view& text) { text = absl::StripLeadingAsciiWhitespace(text); }

// Takes "(module+0x12)" off the end of `text`, with the build id and the
// instruction's own offset that may follow it.
void ConsumeModule(absl::string_view& text, StackFrame& frame) {
  for (;;) {
    text = absl::StripTrailingAsciiWhitespace(text);
    if (text.empty() || text.back() != ')') return;
    const size_t open = text.rfind('(');
    if (open == absl::string_view::npos) return;
    const absl::string_view inside = text.substr(open + 1, text.size() - open - 2);
    const size_t plus = inside.rfind("+0x");
    if (plus != absl::string_view::npos) {
      absl::string_view offset = inside.substr(plus + 1);
      if (!ConsumeHex(offset, frame.module_offset) || !offset.empty()) return;
      frame.module = std::string(inside.substr(0, plus));
    } else if (!absl::StartsWith(inside, "BuildId: ")) {
      return;
    }
    if (open > 0 && text[open - 1] != ' ') return;
    text = text.substr(0, open);
  }
}

// Takes ":12" or ":12:3" off the end.
absl::string_view WithoutLine(absl::string_view file) {
  for (int i = 0; i < 2; ++i) {
    const size_t colon = file.rfind(':');
    if (colon == absl::string_view::npos || colon + 1 == file.size()) break;
    int64_t number = 0;
    if (!absl::SimpleAtoi(file.substr(colon + 1), &number)) break;
    file = file.substr(0, colon);
  }
  return file;
}

bool LooksLikeFile(absl::string_view word) {
  return WithoutLine(word).size() != word.size() || absl::StartsWith(word, "/") ||
         absl::EndsWith(word, ".cc") || absl::EndsWith(word, ".c") || absl::EndsWith(word, ".h");
}

// Splits "function file:line:column". Functions may hold blanks, so the file
// is the last word, if it looks like one.
void SplitFunctionAndFile(absl::string_view text, StackFrame& frame) {
  text = absl::StripAsciiWhitespace(text);
  const size_t blank = text.rfind(' ');
  const absl::string_view last = blank == absl::string_view::npos ? text : text.substr(blank + 1);
  if (LooksLikeFile(last)) {
    frame.file = std::string(WithoutLine(last));
    text = blank == absl::string_view::npos ? absl::string_view() : text.substr(0, blank);
  }
  text = absl::StripAsciiWhitespace(text);
  // eu-stack: "- 1" after a return address, then the function.
  if (absl::ConsumePrefix(&text, "- ")) {
    while (!text.empty() && absl::ascii_isdigit(text[0])) text.remove_prefix(1);
    TrimFront(text);
  }
  if (text == "<null>" || text == "(unknown)" || text == "??") text = "";
  frame.function = std::string(text);
}

// "#3 0x55d in function file:1:2 (module+0x12)" and its relatives.
std::optional<StackFrame> ParseNumbered(absl::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(text[digits])) ++digits;
  StackFrame frame;
  if (digits == 0 || digits == text.size() ||
      !absl::SimpleAtoi(text.substr(0, digits), &frame.index) ||
      !absl::ascii_isspace(text[digits])) {
    return std::nullopt;
  }
  text.remove_prefix(digits);
  TrimFront(text);
  uint64_t address = 0;
  const bool has_address = ConsumeHex(text, address);
  TrimFront(text);
  if (absl::ConsumePrefix(&text, "in ")) TrimFront(text);
  ConsumeModule(text, frame);
  SplitFunctionAndFile(text, frame);
  if (!has_address && frame.function.empty() && frame.module.empty()) {
    return std::nullopt;
  }
  return frame;
}

// Abseil's "    @     0x55d  32  function()" and "PC: @ 0x55d ...".
std::optional<StackFrame> ParseAt(absl::string_view text) {
  StackFrame frame;
  uint64_t address = 0;
  TrimFront(text);
  if (!ConsumeHex(text, address)) return std::nullopt;
  TrimFront(text);
  if (absl::ConsumePrefix(&text, "(unknown)")) TrimFront(text);
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(text[digits])) ++digits;
  if (digits > 0 && digits < text.size() && text[digits] == ' ') {
    text.remove_prefix(digits);
  }
  ConsumeModule(text, frame);
  SplitFunctionAndFile(text, frame);
  return frame;
}

// Length of what `text` starts with if that is an operator's name.
size_t OperatorLength(absl::string_view text) {
  constexpr absl::string_view kWord = "operator";
  if (!absl::StartsWith(text, kWord)) return 0;
  size_t end = kWord.size();
  if (absl::StartsWith(text.substr(end), "()")) return end + 2;
  constexpr absl::string_view kSigns = "<>-=+*/%!&|^~,[]";
  while (end < text.size() && kSigns.find(text[end]) != absl::string_view::npos) ++end;
  return end == kWord.size() ? 0 : end;
}

}  // namespace

std::optional<StackFrame> ParseStackFrame(absl::string_view line) {
  TrimFront(line);
  if (absl::ConsumePrefix(&line, "#")) return ParseNumbered(line);
  if (absl::ConsumePrefix(&line, "PC: @")) return ParseAt(line);
  if (absl::ConsumePrefix(&line, "@")) return ParseAt(line);
  return std::nullopt;
}

std::string NormalizeFunction(absl::string_view function) {
  constexpr absl::string_view kAnonymous = "(anonymous namespace)";
  std::string out;
  int depth = 0;
  for (size_t i = 0; i < function.size();) {
    const absl::string_view rest = function.substr(i);
    if (depth == 0) {
      if (absl::StartsWith(rest, kAnonymous)) {
        out += "{anonymous}";
        i += kAnonymous.size();
        continue;
      }
      const bool word_start =
          out.empty() || !(absl::ascii_isalnum(out.back()) || out.back() == '_');
      if (const size_t length = word_start ? OperatorLength(rest) : 0) {
        absl::StrAppend(&out, rest.substr(0, length));
        i += length;
        continue;
      }
    }
    const char c = function[i++];
    if (c == '(' || c == '<' || c == '{' || c == '[') {
      ++depth;
    } else if (c == ')' || c == '>' || c == '}' || c == ']') {
      if (depth > 0) --depth;
    } else if (depth == 0) {
      out += c;
    }
  }
  for (absl::string_view suffix : {" const", " &", " &&", " noexcept"}) {
    while (absl::EndsWith(out, suffix)) out.resize(out.size() - suffix.size());
  }
  absl::string_view name = absl::StripAsciiWhitespace(out);
  // ".llvm.123", ".cold", ".isra.0": the compiler's copies.
  const size_t dot = name.find('.');
  if (dot != absl::string_view::npos && dot > 0) name = name.substr(0, dot);
  // "function+0x12" of a backtrace.
  const size_t plus = name.find("+0x");
  if (plus != absl::string_view::npos && plus > 0) name = name.substr(0, plus);
  // A return type stands before the last blank, but "operator new" is one name.
  const size_t blank = name.rfind(' ');
  if (blank != absl::string_view::npos && !absl::EndsWith(name.substr(0, blank), "operator")) {
    name = name.substr(blank + 1);
  }
  return std::string(name);
}

std::string NormalizeFile(absl::string_view file) {
  for (absl::string_view root : {"runtime/", "stressd/", "mutants/"}) {
    const size_t at = file.rfind(absl::StrCat("/", root));
    if (at != absl::string_view::npos) return std::string(file.substr(at + 1));
    if (absl::StartsWith(file, root)) return std::string(file);
  }
  const size_t slash = file.rfind('/');
  return std::string(slash == absl::string_view::npos ? file : file.substr(slash + 1));
}

bool IsInterceptorFrame(const StackFrame& frame) {
  for (absl::string_view prefix : {"__interceptor_", "___interceptor_", "__asan", "__tsan",
                                   "__lsan", "__ubsan", "__sanitizer", "__sanitizer_"}) {
    if (absl::StartsWith(frame.function, prefix)) return true;
  }
  // Where the allocators of the sanitizers are printed under their plain name.
  return absl::StrContains(frame.file, "compiler-rt") ||
         absl::StrContains(frame.file, "sanitizer_common");
}

bool IsOwnFrame(const StackFrame& frame) {
  if (IsInterceptorFrame(frame)) return false;
  const std::string file = NormalizeFile(frame.file);
  for (absl::string_view messenger :
       {"runtime/base/check", "runtime/base/sanitizer", "stressd/host/crash_handler",
        "stressd/host/death", "stressd/host/black_box"}) {
    if (absl::StartsWith(file, messenger)) return false;
  }
  const std::string function = NormalizeFunction(frame.function);
  for (absl::string_view messenger : {"CheckFailed", "CheckFailure", "CrashHandler",
                                      "PrintBacktrace", "OnCheckFailure", "OnSignal"}) {
    if (absl::StrContains(function, messenger)) return false;
  }
  return absl::StartsWith(file, "runtime/") || absl::StartsWith(file, "stressd/") ||
         absl::StartsWith(file, "mutants/") || absl::StartsWith(function, "rt::") ||
         absl::StartsWith(function, "stressd::");
}

std::string FrameKey(const StackFrame& frame) {
  const std::string function = NormalizeFunction(frame.function);
  const std::string file = NormalizeFile(frame.file);
  if (function.empty()) return file;
  return file.empty() ? function : absl::StrCat(function, " ", file);
}

}  // namespace stressd::findings
