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

#if RT_TSAN
// 64: a run keeps the text of about as many (kReportBytesMax), and who has that many different
// races has enough to do.
constexpr int kRacesMax = 64;

int g_race_count = 0;
protocol::BlackBoxWriter* g_race_writer = nullptr;
#endif

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

#if RT_TSAN
// Called when ThreadSanitizer has printed a report, with locks of its own held: what it would
// see of our atomics there could need them, so it sees none.
__attribute__((disable_sanitizer_instrumentation)) void NoteRace() {
  // (H1) acquire load, as in NoteReport().
  protocol::BlackBoxWriter* const writer = __atomic_load_n(&g_race_writer, __ATOMIC_ACQUIRE);
  if (writer != nullptr) writer->RecordReport(protocol::ReportKind::kThread);
  // relaxed: only the number counts.
  if (__atomic_add_fetch(&g_race_count, 1, __ATOMIC_RELAXED) <= kRacesMax) return;
  constexpr char kText[] = "stressd: more than 64 reports of ThreadSanitizer, the host ends\n";
  (void)!::write(STDERR_FILENO, kText, sizeof(kText) - 1);
  ::_exit(protocol::kExitThread);
}
#endif

}  // namespace

void InstallFailureHooks(protocol::BlackBoxWriter* writer) {
  // (H2) release store, synchronizes with the acquire load (H1) in
  //      NoteReport(): who sees the pointer sees a complete writer.
  g_writer.store(writer, std::memory_order_release);
#if RT_TSAN
  __atomic_store_n(&g_race_writer, writer, __ATOMIC_RELEASE);  // (H2)
#endif
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
extern "C" void __tsan_on_report(void*) { stressd::host::NoteRace(); }
#endif
