// The sanitizers' options for tests, in code so that a test behaves the same
// however it is started. The environment still overrides them.
#include "runtime/base/sanitizer.h"

#if RT_ASAN
extern "C" const char* __asan_default_options() {
  // detect_stack_use_after_return: waiters live on stacks.
  return "detect_leaks=1:detect_stack_use_after_return=1";
}

extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }
#endif

#if RT_TSAN
extern "C" const char* __tsan_default_options() {
  // die_after_fork, report_thread_leaks: see the fork note in sanitizer.h.
  return "die_after_fork=0:report_thread_leaks=0:halt_on_error=1:second_deadlock_stack=1";
}
#endif
