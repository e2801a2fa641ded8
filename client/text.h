// Values of the protocol as people read them.
//
// Thread safety.  Pure functions.
#ifndef CLIENT_TEXT_H_
#define CLIENT_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/table.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "proto/stressd/v1/host_kind.pb.h"
#include "proto/stressd/v1/run.pb.h"
#include "proto/stressd/v1/verdict.pb.h"

namespace stressd::client {

absl::Duration ToDuration(const google::protobuf::Duration& duration);
google::protobuf::Duration FromDuration(absl::Duration duration);
absl::Time ToTime(const google::protobuf::Timestamp& time);

// `1.25s`, `340ms`, `2h3m`: three digits at most.
std::string DurationText(absl::Duration duration);
// `2026-11-22 18:04:05` in local time; `-` if `time` is unset.
std::string TimeText(const google::protobuf::Timestamp& time);
// `1.2 MiB`.
std::string BytesText(int64_t bytes);
// `12,345,678`.
std::string CountText(int64_t count);
// `resident`, `fresh`, `-`.
std::string HostKindText(v1::HostKind kind);
// The verdict, or the state of a run that has none yet, colored.
Cell VerdictCell(const v1::Run& run);
Cell VerdictCell(v1::Verdict verdict);
// `runs/12` for `12` and for `runs/12`.
std::string ResourceName(absl::string_view collection, absl::string_view id);

}  // namespace stressd::client

#endif  // CLIENT_TEXT_H_
