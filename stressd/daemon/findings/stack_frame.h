// One line of a stack, as the tools that speak about our hosts print it.
//
// Model.  ParseStackFrame() knows the forms of the sanitizers, of llvm's and
// Abseil's backtraces and of eu-stack. A frame is then reduced to what does not
// change from build to build and run to run: the function without arguments,
// template arguments and return type, and the file without folders that are not
// ours, line and column. Addresses and process ids never survive.
// Thread safety.  Plain values and functions.
#ifndef STRESSD_DAEMON_FINDINGS_STACK_FRAME_H_
#define STRESSD_DAEMON_FINDINGS_STACK_FRAME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace stressd::findings {

struct StackFrame {
  int index = -1;              // As printed; -1 if the form has none.
  std::string function;        // As printed; empty if the tool did not know it.
  std::string file;            // As printed, without line; may be empty.
  std::string module;          // Executable or library; may be empty.
  uint64_t module_offset = 0;  // Of the instruction, with `module`.
};

// The frame that `line` shows, or nothing if it is another kind of line.
std::optional<StackFrame> ParseStackFrame(absl::string_view line);

// `void rt::Foo<int>::Bar(int) const` becomes `rt::Foo::Bar`.
std::string NormalizeFunction(absl::string_view function);

// `/proc/self/cwd/runtime/qsbr/qsbr.cc` becomes `runtime/qsbr/qsbr.cc`; of a
// file that is not ours the last part remains.
std::string NormalizeFile(absl::string_view file);

// True for code of runtime/ and stressd/ that is not merely the messenger:
// failure handlers, crash handlers and backtraces are not own frames.
bool IsOwnFrame(const StackFrame& frame);

// True for frames of a sanitizer's own runtime.
bool IsInterceptorFrame(const StackFrame& frame);

// "function file", normalized; just the function where the file is unknown.
std::string FrameKey(const StackFrame& frame);

}  // namespace stressd::findings

#endif  // STRESSD_DAEMON_FINDINGS_STACK_FRAME_H_
