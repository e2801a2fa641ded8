#include "client/build_id.h"

#include <elf.h>
#include <link.h>

#include <cstring>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace stressd::client {
namespace {

// Notes are padded to four bytes.
size_t Padded(size_t size) { return (size + 3) & ~size_t{3}; }

int ReadFirstObject(dl_phdr_info* info, size_t, void* data) {
  auto* build_id = static_cast<std::string*>(data);
  for (int index = 0; index < info->dlpi_phnum; ++index) {
    const ElfW(Phdr)& header = info->dlpi_phdr[index];
    if (header.p_type != PT_NOTE) continue;
    // The loader says where the program's own segments are.
    const char* note = reinterpret_cast<const char*>(info->dlpi_addr + header.p_vaddr);  // NOLINT
    const char* const end = note + header.p_memsz;
    while (note + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) entry;
      std::memcpy(&entry, note, sizeof(entry));
      const char* name = note + sizeof(entry);
      const size_t left = static_cast<size_t>(end - name);
      if (Padded(entry.n_namesz) + Padded(entry.n_descsz) > left) break;
      const char* content = name + Padded(entry.n_namesz);
      if (entry.n_type == NT_GNU_BUILD_ID && entry.n_namesz == 4 &&
          std::memcmp(name, "GNU", 4) == 0) {
        *build_id = absl::BytesToHexString(absl::string_view(content, entry.n_descsz));
        return 1;
      }
      note = content + Padded(entry.n_descsz);
    }
  }
  return 1;  // Only the program itself, which comes first.
}

}  // namespace

std::string BuildId() {
  std::string build_id = "unknown";
  dl_iterate_phdr(&ReadFirstObject, &build_id);
  return build_id;
}

}  // namespace stressd::client
