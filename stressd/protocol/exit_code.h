// The exit codes of a runtime host that the daemon gives a meaning. The first
// group is set as `exitcode` of the sanitizers (host/sanitizer_options.cc).
#ifndef STRESSD_PROTOCOL_EXIT_CODE_H_
#define STRESSD_PROTOCOL_EXIT_CODE_H_

namespace stressd::protocol {

// ThreadSanitizer reported.
inline constexpr int kExitThread = 66;
// AddressSanitizer reported.
inline constexpr int kExitAddress = 67;
// LeakSanitizer reported at the end of a resident host.
inline constexpr int kExitLeak = 68;
// UndefinedBehaviorSanitizer reported.
inline constexpr int kExitUndefined = 69;

// Wrong flags.
inline constexpr int kExitUsage = 2;
// The partner on the control socket sent something that is no message.
inline constexpr int kExitProtocol = 71;
// The host could not set itself up: the reason is on stderr.
inline constexpr int kExitSetUp = 72;

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_EXIT_CODE_H_
