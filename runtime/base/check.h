// Checks of invariants: a broken one ends the process with its name.
//
// Model.  RT_CHECK is always on. RT_DCHECK exists only with RT_CHECKS; without,
// its condition is compiled but not evaluated. Both take the invariant's number
// as written in the header that states it, and a printf-style message:
//   RT_CHECK(sequence != 0, "Q1", "slot %p is detached", slot);
// A failure calls the installed handler, then aborts: dying is a finding, and
// whoever watches the process turns it into one.
// Thread safety.  Any thread, with any lock held.
#ifndef RUNTIME_BASE_CHECK_H_
#define RUNTIME_BASE_CHECK_H_

#include "runtime/base/config.h"

namespace rt {

// Told of a failed check before the process aborts: `invariant` is the number,
// `text` the message and the condition. May run on any thread with any lock
// held: must not lock, allocate or wait. When it returns, the process aborts.
using CheckFailureHandler = void (*)(const char* invariant, const char* file, int line,
                                     const char* text);

// Installs `handler` and returns the one before; null stands for the default,
// which writes one line to file descriptor 2.
CheckFailureHandler SetCheckFailureHandler(CheckFailureHandler handler);

// What the macros call. `condition` is the condition's source text.
[[noreturn, gnu::cold, gnu::format(printf, 5, 6)]] void CheckFailed(const char* invariant,
                                                                    const char* file, int line,
                                                                    const char* condition,
                                                                    const char* format, ...);

}  // namespace rt

#define RT_CHECK(condition, invariant, ...)                                      \
  do {                                                                           \
    if (__builtin_expect(!(condition), 0)) {                                     \
      ::rt::CheckFailed(invariant, __FILE__, __LINE__, #condition, __VA_ARGS__); \
    }                                                                            \
  } while (false)

#if RT_CHECKS
#define RT_DCHECK(condition, invariant, ...) RT_CHECK(condition, invariant, __VA_ARGS__)
#else
#define RT_DCHECK(condition, invariant, ...)       \
  do {                                             \
    if (false) {                                   \
      RT_CHECK(condition, invariant, __VA_ARGS__); \
    }                                              \
  } while (false)
#endif

#endif  // RUNTIME_BASE_CHECK_H_
