#include "stressd/daemon/service/status_conversion.h"

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/google/rpc/error_details.pb.h"
#include "proto/google/rpc/status.pb.h"

namespace stressd::service {
namespace {

// Longer values are cut: an error must fit into a trailer.
constexpr size_t kValueBytesMax = 200;
// gRPC refuses trailers above 8 KiB; details repeat the message once.
constexpr size_t kMessageBytesMax = 2000;

const char* ReasonOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return "INVALID_FIELD";
    case absl::StatusCode::kNotFound:
      return "NOT_FOUND";
    case absl::StatusCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case absl::StatusCode::kResourceExhausted:
      return "LIMIT_REACHED";
    case absl::StatusCode::kFailedPrecondition:
      return "WRONG_STATE";
    case absl::StatusCode::kAborted:
      return "BUSY";
    case absl::StatusCode::kUnavailable:
      return "NOT_AVAILABLE";
    case absl::StatusCode::kDeadlineExceeded:
      return "TOO_LATE";
    case absl::StatusCode::kDataLoss:
      return "DATA_LOSS";
    default:
      return "INTERNAL";
  }
}

struct Refusal {
  absl::string_view field;
  absl::string_view value;
  absl::string_view allowed;  // May be empty.
};

bool IsFieldChar(char c) {
  return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '[' || c == ']' || c == '-';
}

// Takes `field: "value" what; allowed: range` apart.
std::optional<Refusal> ParseRefusal(absl::string_view message) {
  size_t end = 0;
  while (end < message.size() && IsFieldChar(message[end])) ++end;
  constexpr absl::string_view kSeparator = ": \"";
  if (end == 0 || message.substr(end, kSeparator.size()) != kSeparator) return std::nullopt;
  Refusal refusal;
  refusal.field = message.substr(0, end);
  const absl::string_view rest = message.substr(end + kSeparator.size());
  constexpr absl::string_view kAllowed = "; allowed: ";
  const size_t allowed = rest.rfind(kAllowed);
  const absl::string_view head = rest.substr(0, allowed);
  // Quotes within the value are escaped.
  size_t quote = 0;
  while (quote < head.size() && head[quote] != '"') quote += head[quote] == '\\' ? 2 : 1;
  if (quote >= head.size()) return std::nullopt;
  refusal.value = head.substr(0, quote);
  if (allowed != absl::string_view::npos) {
    refusal.allowed = rest.substr(allowed + kAllowed.size());
  }
  return refusal;
}

std::string Prefixed(absl::string_view prefix, absl::string_view field) {
  return prefix.empty() ? std::string(field) : absl::StrCat(prefix, ".", field);
}

}  // namespace

absl::Status FieldError(absl::string_view field, absl::string_view value, absl::string_view what,
                        absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat(
      field, ": \"", absl::CHexEscape(value.substr(0, kValueBytesMax)),
      value.size() > kValueBytesMax ? "..." : "", "\" ", what, "; allowed: ", allowed));
}

grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view field_prefix) {
  if (status.ok()) return grpc::Status::OK;
  std::string message(status.message().substr(0, kMessageBytesMax));
  const std::optional<Refusal> refusal = ParseRefusal(message);
  google::rpc::ErrorInfo info;
  info.set_reason(ReasonOf(status.code()));
  info.set_domain("stressd");
  google::rpc::BadRequest bad_request;
  if (refusal.has_value()) {
    const std::string field = Prefixed(field_prefix, refusal->field);
    (*info.mutable_metadata())["field"] = field;
    (*info.mutable_metadata())["value"] = std::string(refusal->value);
    if (!refusal->allowed.empty()) {
      (*info.mutable_metadata())["allowed"] = std::string(refusal->allowed);
    }
    auto* violation = bad_request.add_field_violations();
    violation->set_field(field);
    violation->set_description(message.substr(refusal->field.size() + 2));
    if (!field_prefix.empty()) message = absl::StrCat(field_prefix, ".", message);
  }
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);
  details.add_details()->PackFrom(info);
  if (refusal.has_value() && status.code() == absl::StatusCode::kInvalidArgument) {
    details.add_details()->PackFrom(bad_request);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      details.SerializeAsString());
}

}  // namespace stressd::service
