// Looks for leaked memory on request.
#ifndef STRESSD_HOST_LEAK_CHECK_H_
#define STRESSD_HOST_LEAK_CHECK_H_

namespace stressd::host {

// Lets LeakSanitizer look for memory nothing points to, prints its report on
// stderr and returns whether there was any. Always false without it. Blocks of
// the runtime's heaps count once their interpreter is destroyed.
[[nodiscard]] bool FindLeaks();

}  // namespace stressd::host

#endif  // STRESSD_HOST_LEAK_CHECK_H_
