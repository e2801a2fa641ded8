#include "stressd/protocol/build_id.h"

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstring>

#include "absl/strings/escaping.h"

namespace stressd::protocol {
namespace {

// Name and content of a note are padded to words.
constexpr size_t Padded(size_t bytes) { return (bytes + 3) / 4 * 4; }

// dl_iterate_phdr() visits the program first; the 1 ends the visit.
int VisitProgram(dl_phdr_info* info, size_t, void* out) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const auto* begin = reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr);
    const absl::string_view id = BuildIdInNotes({begin, segment.p_memsz});
    if (!id.empty()) *static_cast<std::string*>(out) = absl::BytesToHexString(id);
  }
  return 1;
}

}  // namespace

absl::string_view BuildIdInNotes(absl::string_view notes) {
  ElfW(Nhdr) note;
  while (notes.size() >= sizeof(note)) {
    std::memcpy(&note, notes.data(), sizeof(note));
    const size_t id_begin = sizeof(note) + Padded(note.n_namesz);
    const size_t end = id_begin + Padded(note.n_descsz);
    if (end > notes.size()) break;
    const absl::string_view name = notes.substr(sizeof(note), note.n_namesz);
    if (note.n_type == NT_GNU_BUILD_ID && name == absl::string_view("GNU", sizeof("GNU"))) {
      return notes.substr(id_begin, note.n_descsz);
    }
    notes.remove_prefix(end);
  }
  return {};
}

std::string OwnBuildId() {
  std::string id = "unknown";
  dl_iterate_phdr(&VisitProgram, &id);
  return id;
}

}  // namespace stressd::protocol
