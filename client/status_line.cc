#include "client/status_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/text.h"

namespace stressd::client {
namespace {

// How often a run is reported where there is no terminal.
constexpr absl::Duration kLineInterval = absl::Seconds(10);

size_t TerminalWidth() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

}  // namespace

std::string ProgressText(const v1::Run& run) {
  std::string text = absl::StrCat(run.name(), " ", run.spec().scenario(), " ", run.spec().flavor());
  if (run.state() == v1::Run::QUEUED) return absl::StrCat(text, "  queued");
  const v1::RunProgress& progress = run.progress();
  const absl::Duration elapsed = ToDuration(progress.elapsed());
  absl::StrAppend(&text, "  ", progress.phase().empty() ? "starting" : progress.phase(), "  ",
                  CountText(progress.operation_count()), " ops");
  if (elapsed > absl::Milliseconds(50) && progress.operation_count() > 0) {
    absl::StrAppendFormat(
        &text, "  %.3g/s",
        static_cast<double>(progress.operation_count()) / absl::ToDoubleSeconds(elapsed));
  }
  absl::StrAppend(&text, "  ", progress.thread_count(), " threads  ",
                  BytesText(progress.rss_bytes()), "  ", DurationText(elapsed));
  return text;
}

StatusLine::StatusLine(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

StatusLine::~StatusLine() { Clear(); }

void StatusLine::Show(const v1::Run& run, const std::string& prefix) {
  if (quiet_) return;
  std::string text = ProgressText(run);
  if (!prefix.empty()) text = absl::StrCat(prefix, "  ", text);
  if (terminal_) {
    text.resize(std::min(text.size(), TerminalWidth() - 1));
    std::cerr << "\r\033[K" << text << std::flush;
    shown_ = true;
    return;
  }
  const absl::Time now = absl::Now();
  if (last_line_ == absl::InfinitePast()) {
    last_line_ = now;  // A short run says nothing before its result.
  } else if (now - last_line_ >= kLineInterval) {
    last_line_ = now;
    std::cerr << text << std::endl;
  }
}

void StatusLine::Clear() {
  if (!shown_) return;
  std::cerr << "\r\033[K" << std::flush;
  shown_ = false;
}

}  // namespace stressd::client
