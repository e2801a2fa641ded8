// The build id of the running program.
#ifndef STRESSD_DAEMON_SERVICE_BUILD_ID_H_
#define STRESSD_DAEMON_SERVICE_BUILD_ID_H_

#include <string>

namespace stressd::service {

// The linker's NT_GNU_BUILD_ID note in lower-case hex; "unknown" for a program
// linked without one.
std::string OwnBuildId();

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_BUILD_ID_H_
