// ProcessUsage: what a run may leave behind outside the runtime core.
//
// Model.  Read from /proc/self: open file descriptors with what they refer to,
//   the number of threads, and whether the process has children. A child that
//   has ended but was not reaped counts: it is a child that was forgotten.
// Thread safety.  Plain data. ReadProcessUsage(): any thread; exact only while
//   no other thread opens, closes, starts or ends anything.

#ifndef STRESSD_HOST_ORACLES_PROCESS_USAGE_H_
#define STRESSD_HOST_ORACLES_PROCESS_USAGE_H_

#include <cstdint>
#include <map>
#include <string>

namespace stressd::host {

struct ProcessUsage {
  std::map<int, std::string> file_descriptors;  // Number, target of the link.
  int64_t thread_count = 0;
  bool has_children = false;
};

ProcessUsage ReadProcessUsage();

// Returns the bytes of this process that are resident now; 0 if /proc cannot be
// read.
int64_t ResidentBytes();

// Makes ThreadSanitizer start, now, the thread of its own that it otherwise
// starts beside the process's first one. Nothing in other flavors.
void StartSanitizerThread();

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_PROCESS_USAGE_H_
