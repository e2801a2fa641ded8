// A schedule as a file: replays exactly on the same build, and on another as
// far as its threads do the same.
//
// Thread safety.  None needed.
#ifndef STRESSD_EXPLORE_DRIVER_SCHEDULE_FILE_H_
#define STRESSD_EXPLORE_DRIVER_SCHEDULE_FILE_H_

#include <string>
#include <vector>

#include "stressd/explore/driver/campaign.h"

namespace explore {

struct ScheduleFile {
  std::string build_id;
  std::string verdict;
  std::string message;
  MemoryModel model = MemoryModel::kSequential;
  uint64_t seed = 0;
  uint64_t left_out = 0;  // Optional parts; in the file a list of their numbers.
  // Addresses are offsets from the program's load address.
  std::vector<Segment> segments;
  // For each segment, the function it stopped in; empty if unknown.
  std::vector<std::string> functions;
};

// Empty, or why it could not be written or read.
std::string WriteScheduleFile(const std::string& path, const ScheduleFile& schedule);
std::string ReadScheduleFile(const std::string& path, ScheduleFile& schedule);

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_SCHEDULE_FILE_H_
