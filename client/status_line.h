// The line that shows a live run: rewritten in place on a terminal, otherwise a
// line of its own every few seconds, so that a log stays readable.
//
// Thread safety.  Not thread safe.
#ifndef CLIENT_STATUS_LINE_H_
#define CLIENT_STATUS_LINE_H_

#include <string>

#include "absl/time/time.h"
#include "proto/stressd/v1/run.pb.h"

namespace stressd::client {

class StatusLine {
 public:
  // Writes to stderr. `quiet` writes nothing at all.
  explicit StatusLine(bool quiet);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  // Shows where `run` stands, behind `prefix` ("3/200", or empty).
  void Show(const v1::Run& run, const std::string& prefix);

  // Removes the line from the terminal.
  void Clear();

 private:
  bool quiet_;
  bool terminal_;
  bool shown_ = false;
  absl::Time last_line_ = absl::InfinitePast();
};

// The text of the line: state, phase, operations and their rate, memory.
std::string ProgressText(const v1::Run& run);

}  // namespace stressd::client

#endif  // CLIENT_STATUS_LINE_H_
