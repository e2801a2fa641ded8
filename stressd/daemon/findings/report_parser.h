// Reads the reports of the sanitizers, of crash handlers and of stack dumps.
//
// Model.  A report in the text of a host is reduced to who spoke, what kind of
// problem it is and the frames that name it. Only ThreadSanitizer goes on after a
// report, so only its reports may be several. A data race is named by the top frames of both
// accesses in a fixed order, since which access is reported first is chance. Invariants.  Equal
// problems give equal results: nothing of an address, a process id, a thread's number, a size or a
// line number survives. Thread safety.  Pure functions.
#ifndef STRESSD_DAEMON_FINDINGS_REPORT_PARSER_H_
#define STRESSD_DAEMON_FINDINGS_REPORT_PARSER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "stressd/daemon/findings/stack_frame.h"

namespace stressd::findings {

struct ParsedReport {
  std::string tool;                 // "ThreadSanitizer"; empty: no report of a sanitizer.
  std::string kind;                 // "data race".
  std::string title;                // One line for people.
  std::vector<std::string> frames;  // FrameKey()s, innermost first.
  std::string text;                 // From its headline to its summary.
};

// Own frames that name a problem: three tell two bugs of one function apart
// and survive a refactoring of its distant callers.
inline constexpr size_t kFramesPerStackMax = 3;

// The line that stands for what a bounded text leaves out contains this.
inline constexpr absl::string_view kLeftOutMark = " bytes left out ...]";

// Completes frames whose function is unknown, in place. May be empty.
using Symbolize = std::function<void(std::vector<StackFrame>&)>;

// Parses the first sanitizer report in `text`; `tool` stays empty if there is
// none.
ParsedReport ParseSanitizerReport(absl::string_view text, const Symbolize& symbolize);

// Parses every report in `text`, in their order. Of several equal ones the first
// stays; one whose middle was left out is skipped, unless it is the only one.
std::vector<ParsedReport> ParseSanitizerReports(absl::string_view text, const Symbolize& symbolize);

// Returns the top own frames of the first stack in `text`: a crash.
std::vector<std::string> ParseCrashStack(absl::string_view text, const Symbolize& symbolize);

// Returns the innermost own frames of all threads, sorted and each once, from
// a dump with one stack per thread: a hang.
std::vector<std::string> ParseAllStacks(absl::string_view text, const Symbolize& symbolize);

// Replaces numbers and addresses by `N`.
std::string WithoutNumbers(absl::string_view text);

}  // namespace stressd::findings

#endif  // STRESSD_DAEMON_FINDINGS_REPORT_PARSER_H_
