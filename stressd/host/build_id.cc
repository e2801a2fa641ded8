#include "stressd/host/build_id.h"

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace stressd::host {
namespace {

size_t RoundUpTo4(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

// Finds the build id among the notes in [at, at + left).
std::string FindInNotes(const char* at, size_t left) {
  while (left >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof(note));
    const size_t name_bytes = RoundUpTo4(note.n_namesz);
    const size_t id_bytes = RoundUpTo4(note.n_descsz);
    if (left - sizeof(note) < name_bytes + id_bytes) break;
    const char* name = at + sizeof(note);
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof("GNU") &&
        std::memcmp(name, "GNU", sizeof("GNU")) == 0) {
      return absl::BytesToHexString(
          absl::string_view(name + name_bytes, note.n_descsz));
    }
    at += sizeof(note) + name_bytes + id_bytes;
    left -= sizeof(note) + name_bytes + id_bytes;
  }
  return "";
}

// dl_iterate_phdr() names the program itself first; one call is enough.
int VisitProgram(dl_phdr_info* info, size_t, void* result) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const std::string id = FindInNotes(
        reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr),
        segment.p_memsz);
    if (!id.empty()) {
      *static_cast<std::string*>(result) = id;
      break;
    }
  }
  return 1;
}

}  // namespace

std::string BuildId() {
  std::string id;
  dl_iterate_phdr(&VisitProgram, &id);
  return id.empty() ? "unknown" : id;
}

}  // namespace stressd::host
