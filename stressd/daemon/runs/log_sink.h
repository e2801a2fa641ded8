// Where the gRPC-free rooms of the daemon say what happens: an interface, so
// that they are tested without a logging library, under ThreadSanitizer.
#ifndef STRESSD_DAEMON_RUNS_LOG_SINK_H_
#define STRESSD_DAEMON_RUNS_LOG_SINK_H_

#include "absl/strings/string_view.h"

namespace stressd::runs {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Thread safety.  Any thread; must not block for long and must not call back.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void Log(LogLevel level, absl::string_view message) = 0;
};

// Drops everything.
class NullLogSink final : public LogSink {
 public:
  void Log(LogLevel, absl::string_view) override {}
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_LOG_SINK_H_
