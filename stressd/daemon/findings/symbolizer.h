// Gives names to frames that a host could not name itself, with the machine's
// llvm-symbolizer.
//
// Model.  One short-lived symbolizer process per call: input on a pipe, output
// read until it ends or the deadline is over, when it is killed. Frames that
// stay unknown stay as they were.
// Thread safety.  Any thread; blocks up to the deadline.
#ifndef STRESSD_DAEMON_FINDINGS_SYMBOLIZER_H_
#define STRESSD_DAEMON_FINDINGS_SYMBOLIZER_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "stressd/daemon/findings/stack_frame.h"

namespace stressd::findings {

class Symbolizer {
 public:
  // `path` of llvm-symbolizer-19; where there is none, nothing gets a name.
  explicit Symbolizer(std::string path = "/usr/bin/llvm-symbolizer-19",
                      absl::Duration deadline = absl::Seconds(20));

  // Fills `function` and `file` of frames that have a module but no function.
  void Symbolize(std::vector<StackFrame>& frames) const;

 private:
  const std::string path_;
  const absl::Duration deadline_;
};

}  // namespace stressd::findings

#endif  // STRESSD_DAEMON_FINDINGS_SYMBOLIZER_H_
