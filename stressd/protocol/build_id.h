// The ELF build id of the running program, by which a host and a daemon know
// that they are talking about the same binary.
//
// Model.  The linker (--build-id) puts a hash of the program into a note of type
// NT_GNU_BUILD_ID; the loader says where the notes of the program are in memory,
// so no file is opened: the program may have been replaced on disk.
// Thread safety.  Any thread.
#ifndef STRESSD_PROTOCOL_BUILD_ID_H_
#define STRESSD_PROTOCOL_BUILD_ID_H_

#include <string>

#include "absl/strings/string_view.h"

namespace stressd::protocol {

// Lower-case hex; "unknown" for a program linked without one. Same sources and
// flags: same id.
std::string OwnBuildId();

// The id, as bytes, in a segment of ELF notes; empty if there is none. Reads
// nothing beyond `notes`, whatever they claim.
absl::string_view BuildIdInNotes(absl::string_view notes);

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_BUILD_ID_H_
