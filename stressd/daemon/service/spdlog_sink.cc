#include "stressd/daemon/service/spdlog_sink.h"

#include "spdlog/sinks/stdout_sinks.h"

namespace stressd::service {
namespace {

spdlog::level::level_enum ToSpdlog(runs::LogLevel level) {
  switch (level) {
    case runs::LogLevel::kDebug:
      return spdlog::level::debug;
    case runs::LogLevel::kInfo:
      return spdlog::level::info;
    case runs::LogLevel::kWarning:
      return spdlog::level::warn;
    case runs::LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

SpdlogSink::SpdlogSink(const std::string& level)
    : logger_(std::make_shared<spdlog::logger>("stressd",
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  // Time in UTC, as in the store and the API.
  logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger_->set_level(spdlog::level::from_str(level));
  logger_->flush_on(spdlog::level::debug);
}

void SpdlogSink::Log(runs::LogLevel level, absl::string_view message) {
  // A line break within a message would look like another line.
  std::string line(message);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  logger_->log(ToSpdlog(level), line);
}

}  // namespace stressd::service
