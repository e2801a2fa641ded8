#include "stressd/protocol/build_id.h"

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace stressd::protocol {
namespace {

// A note as the linker writes it. `content_bytes` is what it claims to hold.
std::string Note(uint32_t type, const std::string& name, const std::string& content,
                 uint32_t content_bytes) {
  const uint32_t header[] = {static_cast<uint32_t>(name.size()), content_bytes, type};
  std::string note(reinterpret_cast<const char*>(header), sizeof(header));
  for (const std::string& part : {name, content}) {
    note += part;
    note.resize((note.size() + 3) / 4 * 4);
  }
  return note;
}

const std::string kGnu("GNU\0", 4);

// The linker was told to use sha1: 20 bytes. They are looked for in the file,
// behind the head of the note.
TEST(BuildIdTest, IsTheOneInTheProgramsFile) {
  const std::string id = OwnBuildId();
  ASSERT_EQ(id.size(), 40u) << id;
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string content(std::istreambuf_iterator<char>(file), {});
  const std::string head = Note(NT_GNU_BUILD_ID, kGnu, "", 20);
  EXPECT_NE(content.find(head + absl::HexStringToBytes(id)), std::string::npos) << id;
}

TEST(BuildIdTest, IsFoundBehindOtherNotes) {
  const std::string notes = Note(NT_GNU_ABI_TAG, kGnu, "0123", 4) +
                            Note(NT_GNU_BUILD_ID, "Other", "abcde", 5) +
                            Note(NT_GNU_BUILD_ID, kGnu, "the id", 6);
  EXPECT_EQ(BuildIdInNotes(notes), "the id");
}

TEST(BuildIdTest, NotesThatClaimMoreThanThereIsHaveNone) {
  EXPECT_EQ(BuildIdInNotes(""), "");
  EXPECT_EQ(BuildIdInNotes("short"), "");
  EXPECT_EQ(BuildIdInNotes(Note(NT_GNU_BUILD_ID, kGnu, "id", 0xffffffff)), "");
  const std::string whole = Note(NT_GNU_BUILD_ID, kGnu, "the id", 6);
  for (size_t size = 0; size < whole.size(); ++size) {
    // A copy of its own: asan sees a read beyond it.
    const std::string part = whole.substr(0, size);
    EXPECT_EQ(BuildIdInNotes(part), "") << size;
  }
}

}  // namespace
}  // namespace stressd::protocol
