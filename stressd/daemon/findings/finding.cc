#include "stressd/daemon/findings/finding.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace stressd::findings {
namespace {

// FNV-1a, 64 bits: stable over builds and machines, unlike absl::Hash.
class StableHash {
 public:
  void Add(absl::string_view text) {
    for (const char c : text) AddByte(static_cast<unsigned char>(c));
    AddByte(0);  // So that {"a", "b"} and {"ab"} differ.
  }
  uint64_t value() const { return value_; }

 private:
  void AddByte(unsigned char byte) {
    value_ ^= byte;
    value_ *= 0x100000001b3;  // The 64-bit FNV prime.
  }
  uint64_t value_ = 0xcbf29ce484222325;  // The 64-bit FNV offset basis.
};

}  // namespace

std::string Fingerprint(const Finding& finding) {
  StableHash hash;
  hash.Add(finding.tool);
  hash.Add(finding.kind);
  for (const std::string& frame : finding.frames) hash.Add(frame);
  return absl::StrCat(absl::Hex(hash.value(), absl::kZeroPad16));
}

}  // namespace stressd::findings
