// The program under the controlled engine, as its host finds it.
//
// Model.  A host of the flavor explore runs nothing itself: scenarios run in a second
// program, instrumented and linked with the engine, which lies beside the host under
// the name kTargetName. Without arguments it lists its kernels, one a line: name,
// blanks, what it is; a kernel of the name "canary-..." must fail.
// Thread safety.  Any thread.
#ifndef STRESSD_HOST_EXPLORED_TARGET_PROGRAM_H_
#define STRESSD_HOST_EXPLORED_TARGET_PROGRAM_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace stressd::host {

inline constexpr std::string_view kTargetName = "stress_explore_target";

struct KernelDescription {
  std::string name;
  std::string summary;  // One sentence, without its period.
};

// Returns the path of the program: beside the path that this process was started by.
std::string TargetProgram();

// Asks `program` for its kernels. UnavailableError if it cannot be run or says nothing.
absl::StatusOr<std::vector<KernelDescription>> ListKernels(const std::string& program);

// Takes such a listing apart; lines without a name and a summary are left out.
std::vector<KernelDescription> ParseKernelList(std::string_view listing);

}  // namespace stressd::host

#endif  // STRESSD_HOST_EXPLORED_TARGET_PROGRAM_H_
