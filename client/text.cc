#include "client/text.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace stressd::client {

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

google::protobuf::Duration FromDuration(absl::Duration duration) {
  google::protobuf::Duration result;
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  result.set_seconds(seconds);
  result.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return result;
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string DurationText(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  const double size = std::fabs(seconds);
  if (size == 0) return "0s";
  if (size < 1e-3) return absl::StrFormat("%.3gus", seconds * 1e6);
  if (size < 1) return absl::StrFormat("%.3gms", seconds * 1e3);
  if (size < 60) return absl::StrFormat("%.3gs", seconds);
  return absl::FormatDuration(absl::Trunc(duration, absl::Seconds(1)));
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(time), absl::LocalTimeZone());
}

std::string BytesText(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (std::fabs(value) >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", unit == 0 ? 0 : 1, value, kUnits[unit]);
}

std::string CountText(int64_t count) {
  std::string text = absl::StrCat(count);
  const size_t first = count < 0 ? 1 : 0;
  for (size_t at = text.size(); at > first + 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string HostKindText(v1::HostKind kind) {
  switch (kind) {
    case v1::RESIDENT:
      return "resident";
    case v1::FRESH:
      return "fresh";
    default:
      return "-";
  }
}

Cell VerdictCell(v1::Verdict verdict) {
  std::string name = v1::Verdict_Name(verdict);
  if (name.empty()) name = absl::StrCat("verdict ", static_cast<int>(verdict));
  switch (verdict) {
    case v1::PASSED:
      return Cell(name, Tone::kGood);
    case v1::VIOLATION:
    case v1::SANITIZER_REPORT:
    case v1::CRASHED:
    case v1::HUNG:
      return Cell(name, Tone::kBad);
    default:
      return Cell(name, Tone::kWarning);
  }
}

Cell VerdictCell(const v1::Run& run) {
  if (run.state() == v1::Run::FINISHED) return VerdictCell(run.verdict());
  return Cell(v1::Run::State_Name(run.state()), Tone::kDim);
}

std::string ResourceName(absl::string_view collection, absl::string_view id) {
  if (absl::StrContains(id, '/')) return std::string(id);
  return absl::StrCat(collection, "/", id);
}

}  // namespace stressd::client
