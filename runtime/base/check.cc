#include "runtime/base/check.h"

#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "runtime/base/atomic.h"

namespace rt {
namespace {

// 512: one line of a report; longer text is cut.
constexpr std::size_t kTextBytes = 512;

void PrintFailure(const char* invariant, const char* file, int line, const char* text) {
  char buffer[kTextBytes + 256];
  const int length = std::snprintf(buffer, sizeof(buffer), "RT_CHECK failed: %s at %s:%d: %s\n",
                                   invariant, file, line, text);
  if (length <= 0) return;
  std::size_t left = static_cast<std::size_t>(length);
  if (left >= sizeof(buffer)) left = sizeof(buffer) - 1;
  const char* next = buffer;
  while (left > 0) {
    const ssize_t written = write(STDERR_FILENO, next, left);
    if (written <= 0) return;
    next += written;
    left -= static_cast<std::size_t>(written);
  }
}

constinit Atomic<CheckFailureHandler> failure_handler(&PrintFailure);

}  // namespace

CheckFailureHandler SetCheckFailureHandler(CheckFailureHandler handler) {
  // (K1) acq_rel exchange, synchronizes with the acquire load (K2) in
  //      CheckFailed(): what the handler needs was set up before it is called.
  return failure_handler.exchange(handler == nullptr ? &PrintFailure : handler,
                                  std::memory_order_acq_rel);
}

void CheckFailed(const char* invariant, const char* file, int line, const char* condition,
                 const char* format, ...) {
  char text[kTextBytes];
  std::va_list arguments;
  va_start(arguments, format);
  int length = std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (length < 0) length = 0;
  if (static_cast<std::size_t>(length) < sizeof(text)) {
    std::snprintf(text + length, sizeof(text) - static_cast<std::size_t>(length), " [%s]",
                  condition);
  }
  // (K2) acquire load, synchronizes with the exchange (K1) in
  //      SetCheckFailureHandler(): the handler sees what was prepared for it.
  failure_handler.load(std::memory_order_acquire)(invariant, file, line, text);
  std::abort();
}

}  // namespace rt
