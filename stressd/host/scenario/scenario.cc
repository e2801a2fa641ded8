#include "stressd/host/scenario/scenario.h"

namespace stressd::host {

std::string_view ExpectedVerdictName(ExpectedVerdict verdict) {
  switch (verdict) {
    case ExpectedVerdict::kPassed:
      return "PASSED";
    case ExpectedVerdict::kViolation:
      return "VIOLATION";
    case ExpectedVerdict::kSanitizerReport:
      return "SANITIZER_REPORT";
    case ExpectedVerdict::kCrashed:
      return "CRASHED";
    case ExpectedVerdict::kHung:
      return "HUNG";
    case ExpectedVerdict::kSilent:
      break;
  }
  return "SILENT";
}

ExpectedVerdict ExpectedVerdicts::ForFlavor(std::string_view flavor) const {
  // A host of the flavor explore is built like a plain one, and hosts its own.
  if (flavor == "plain" || flavor == "explore") return plain;
  if (flavor == "asan") return asan;
  if (flavor == "tsan") return tsan;
  if (flavor == "bench") return bench;
  return ExpectedVerdict::kSilent;
}

}  // namespace stressd::host
