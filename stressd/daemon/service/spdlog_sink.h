// The daemon's log lines through spdlog, one per line on stderr.
#ifndef STRESSD_DAEMON_SERVICE_SPDLOG_SINK_H_
#define STRESSD_DAEMON_SERVICE_SPDLOG_SINK_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "spdlog/logger.h"
#include "stressd/daemon/runs/log_sink.h"

namespace stressd::service {

// Thread safety.  Any thread.
class SpdlogSink final : public runs::LogSink {
 public:
  // `level`: "debug", "info", "warning" or "error"; lower ones are dropped.
  explicit SpdlogSink(const std::string& level);

  void Log(runs::LogLevel level, absl::string_view message) override;

 private:
  const std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_SPDLOG_SINK_H_
