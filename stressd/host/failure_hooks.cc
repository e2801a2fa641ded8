#include "stressd/host/failure_hooks.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"
#include "stressd/protocol/exit_code.h"

#if RT_ASAN || RT_TSAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace stressd::host {
namespace {

std::atomic<protocol::BlackBoxWriter*> g_writer{nullptr};

[[maybe_unused]] void NoteReport(protocol::ReportKind kind) {
  // (H1) acquire load, synchronizes with the release store (H2) in
  //      InstallFailureHooks(): the writer is complete.
  protocol::BlackBoxWriter* writer = g_writer.load(std::memory_order_acquire);
  if (writer != nullptr) writer->RecordReport(kind);
}

// One line on stderr, in one write, without allocation.
void PrintFailure(const char* invariant, const char* file, int line, const char* text) {
  char buffer[1024];
  const int length =
      std::snprintf(buffer, sizeof(buffer), "stressd: invariant %s is broken at %s:%d: %s\n",
                    invariant, file, line, text);
  if (length <= 0) return;
  const size_t bytes = static_cast<size_t>(length) < sizeof(buffer) ? static_cast<size_t>(length)
                                                                    : sizeof(buffer) - 1;
  // Nothing to do where stderr is gone: the black box has it.
  (void)!::write(STDERR_FILENO, buffer, bytes);
}

void NoteCheckFailure(const char* invariant, const char* file, int line, const char* text) {
  // Acquire: (H1) in NoteReport().
  protocol::BlackBoxWriter* writer = g_writer.load(std::memory_order_acquire);
  if (writer != nullptr) writer->RecordFailure(invariant, file, line, text);
  PrintFailure(invariant, file, line, text);
}

#if RT_ASAN
// UndefinedBehaviorSanitizer shares AddressSanitizer's exit code; give it its
// own. Called when the report is complete.
void ExitAsUndefined() {
  // Acquire: (H1) in NoteReport().
  protocol::BlackBoxWriter* writer = g_writer.load(std::memory_order_acquire);
  if (writer != nullptr && writer->report_kind() == protocol::ReportKind::kUndefined) {
    ::_exit(protocol::kExitUndefined);
  }
}
#endif

}  // namespace

void InstallFailureHooks(protocol::BlackBoxWriter* writer) {
  // (H2) release store, synchronizes with the acquire load (H1) in
  //      NoteReport(): who sees the pointer sees a complete writer.
  g_writer.store(writer, std::memory_order_release);
  rt::SetCheckFailureHandler(&NoteCheckFailure);
#if RT_ASAN
  __sanitizer_set_death_callback(&ExitAsUndefined);
#endif
}

}  // namespace stressd::host

// What the sanitizers call when they begin or print a report.
#if RT_ASAN
extern "C" void __asan_on_error() {
  stressd::host::NoteReport(stressd::protocol::ReportKind::kAddress);
}
extern "C" void __ubsan_on_report() {
  stressd::host::NoteReport(stressd::protocol::ReportKind::kUndefined);
}
#endif
#if RT_TSAN
extern "C" void __tsan_on_report(void*) {
  stressd::host::NoteReport(stressd::protocol::ReportKind::kThread);
}
#endif
