// The ELF build id of this program, which the linker derives from its content.
//
// Source.  stressd/protocol/build_id.h, for the daemon and the hosts. The client
// has a reader of its own because it knows nothing but `proto`.
// Thread safety.  Any thread.
#ifndef CLIENT_BUILD_ID_H_
#define CLIENT_BUILD_ID_H_

#include <string>

namespace stressd::client {

// Lower-case hex; `unknown` if the program was linked without one.
std::string BuildId();

}  // namespace stressd::client

#endif  // CLIENT_BUILD_ID_H_
