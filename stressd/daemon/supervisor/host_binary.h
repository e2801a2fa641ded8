// Which program a flavor's hosts are.
#ifndef STRESSD_DAEMON_SUPERVISOR_HOST_BINARY_H_
#define STRESSD_DAEMON_SUPERVISOR_HOST_BINARY_H_

#include <string>
#include <vector>

namespace stressd::supervisor {

struct HostBinary {
  std::string flavor;
  std::string path;
  std::vector<std::string> extra_arguments;  // For tests' fake hosts.
};

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_HOST_BINARY_H_
