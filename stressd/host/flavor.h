// The flavor this host was built as.
#ifndef STRESSD_HOST_FLAVOR_H_
#define STRESSD_HOST_FLAVOR_H_

#include <string>
#include <string_view>

namespace stressd::host {

// plain, asan, tsan or bench, as far as the compiler can tell (free_flavor.cc); or
// explore (explored/): what is linked decides.
std::string_view FlavorName();

// The build id of what runs the scenarios, lower-case hex: this program's own, or
// that of the program under the controlled engine; empty if there is none. Constant
// while the process lives.
std::string FlavorBuildId();

// Why this host does not host what other flavors do; empty: it hosts all that runs
// freely.
std::string_view RefusalOfOthers();

}  // namespace stressd::host

#endif  // STRESSD_HOST_FLAVOR_H_
