// The one place where absl::Status becomes grpc::Status.
//
// Model.  Codes are equal by number. Every error carries google.rpc.ErrorInfo
// (domain `stressd`, a reason per code); where the message reads
// `field: "value" what; allowed: range`, the parts become its metadata `field`,
// `value` and `allowed`, and for INVALID_ARGUMENT a google.rpc.BadRequest.
// Thread safety.  Pure functions.
#ifndef STRESSD_DAEMON_SERVICE_STATUS_CONVERSION_H_
#define STRESSD_DAEMON_SERVICE_STATUS_CONVERSION_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/status.h"

namespace stressd::service {

// `field_prefix` is the request's field that holds what was refused, "spec":
// a message about `flavor` is then about `spec.flavor`.
grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view field_prefix = "");

// InvalidArgumentError in the form that ToGrpcStatus() understands.
absl::Status FieldError(absl::string_view field, absl::string_view value, absl::string_view what,
                        absl::string_view allowed);

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_STATUS_CONVERSION_H_
