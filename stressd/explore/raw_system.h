// System calls without errno, cancellation or interposition: the runtime's own.
//
// Thread safety.  Any thread.
#ifndef STRESSD_EXPLORE_RAW_SYSTEM_H_
#define STRESSD_EXPLORE_RAW_SYSTEM_H_

#if !defined(__x86_64__) || !defined(__linux__)
#error "the controlled engine runs on x86-64 Linux only"
#endif

namespace explore {

// The kernel's answer: a negative value is an error number.
inline long RawSystemCall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                          long f = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

// Writes a line to the standard error and ends the process with status 3: the
// engine itself cannot go on. printf's conversions.
[[noreturn]] void Die(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace explore

#endif  // STRESSD_EXPLORE_RAW_SYSTEM_H_
