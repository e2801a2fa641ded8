#include "stressd/daemon/runs/soak.h"

namespace stressd::runs {

absl::string_view SoakStateName(SoakState state) {
  switch (state) {
    case SoakState::kUnspecified:
      return "UNSPECIFIED";
    case SoakState::kActive:
      return "ACTIVE";
    case SoakState::kStopping:
      return "STOPPING";
    case SoakState::kFinished:
      return "FINISHED";
    case SoakState::kStopped:
      return "STOPPED";
  }
  return "UNSPECIFIED";
}

}  // namespace stressd::runs
