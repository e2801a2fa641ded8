// The sanitizers' options for the host, in code, so that a bare start behaves
// the same as one by the daemon. The environment still overrides them.
//
// Each tool exits with its own code (stressd/protocol/exit_code.h). Signals are
// left to our crash handler, so that a crash is a crash in every flavor. Leaks
// are looked for when a run asks (leak_check.h), not at exit.
#include "runtime/base/sanitizer.h"
#include "stressd/protocol/exit_code.h"

#define STRESSD_COMMON_OPTIONS                                     \
  "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:" \
  "handle_abort=0:abort_on_error=0:disable_coredump=1:"            \
  "external_symbolizer_path=/usr/bin/llvm-symbolizer-19:"          \
  "allocator_may_return_null=1:"

static_assert(stressd::protocol::kExitAddress == 67);
static_assert(stressd::protocol::kExitThread == 66);

#if RT_ASAN
extern "C" const char* __asan_default_options() {
  return STRESSD_COMMON_OPTIONS
      "exitcode=67:detect_leaks=1:leak_check_at_exit=0:"
      "detect_stack_use_after_return=1";
}

extern "C" const char* __lsan_default_options() { return "report_objects=1:max_leaks=20"; }

extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1:halt_on_error=1"; }
#endif

#if RT_TSAN
extern "C" const char* __tsan_default_options() {
  // die_after_fork, report_thread_leaks: see the fork note in sanitizer.h. A host goes on
  // after a race, so that one that is known does not hide another: equal pairs of stacks
  // are reported once a process. It ends with the code at its exit, or after too many
  // (failure_hooks.cc).
  return STRESSD_COMMON_OPTIONS
      "exitcode=66:halt_on_error=0:suppress_equal_stacks=1:"
      "die_after_fork=0:report_thread_leaks=0:second_deadlock_stack=1";
}
#endif
