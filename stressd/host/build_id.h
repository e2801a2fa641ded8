// The build id of the running program.
#ifndef STRESSD_HOST_BUILD_ID_H_
#define STRESSD_HOST_BUILD_ID_H_

#include <string>

namespace stressd::host {

// Returns the linker's NT_GNU_BUILD_ID note in lower-case hex; "unknown" for a
// program linked without one. Same sources and flags: same id.
std::string BuildId();

}  // namespace stressd::host

#endif  // STRESSD_HOST_BUILD_ID_H_
