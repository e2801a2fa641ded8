// The version of host.proto, frame.h and black_box.h together.
#ifndef STRESSD_PROTOCOL_PROTOCOL_VERSION_H_
#define STRESSD_PROTOCOL_PROTOCOL_VERSION_H_

#include <cstdint>

namespace stressd::protocol {

// Grows with every change that an older partner would misread.
inline constexpr int32_t kProtocolVersion = 1;

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_PROTOCOL_VERSION_H_
