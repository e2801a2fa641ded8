#include "client/exit_code.h"

#include <algorithm>

namespace stressd::client {

int ExitCodeOf(v1::Verdict verdict) {
  switch (verdict) {
    case v1::PASSED:
      return kExitPassed;
    case v1::ERROR:
    case v1::VERDICT_UNSPECIFIED:
      return kExitCouldNotRun;
    case v1::CANCELLED:
      return kExitCancelled;
    case v1::TIMED_OUT:
      return kExitTimedOut;
    case v1::INCONCLUSIVE:
      return kExitInconclusive;
    default:
      return kExitFound;
  }
}

bool IsTrial(v1::Verdict verdict) { return verdict != v1::ERROR && verdict != v1::CANCELLED; }

int ExitCodeOf(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return kExitPassed;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::OUT_OF_RANGE:
      return kExitUsage;
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return kExitUnreachable;
    case grpc::StatusCode::CANCELLED:
      return kExitCancelled;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return kExitTimedOut;
    default:
      return kExitCouldNotRun;
  }
}

int CombineExitCodes(absl::Span<const int> codes) {
  // 1, 3, 6, 5, 7, 0, as documented; usage and transport errors before all.
  for (int code : {kExitUsage, kExitUnreachable, kExitFound, kExitCouldNotRun, kExitTimedOut,
                   kExitCancelled, kExitInconclusive}) {
    if (std::find(codes.begin(), codes.end(), code) != codes.end()) return code;
  }
  return kExitPassed;
}

}  // namespace stressd::client
