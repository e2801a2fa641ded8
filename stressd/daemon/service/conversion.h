// Between the daemon's values and the messages of stressd.v1.
//
// Model.  To...() fills a message; From...() reads one and refuses, naming the
// field, what no value can hold. What needs the catalog (names, ranges) is
// checked by `runs`, not here.
// Thread safety.  Pure functions.
#ifndef STRESSD_DAEMON_SERVICE_CONVERSION_H_
#define STRESSD_DAEMON_SERVICE_CONVERSION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/map.h"
#include "google/protobuf/timestamp.pb.h"
#include "proto/stressd/v1/counters.pb.h"
#include "proto/stressd/v1/finding.pb.h"
#include "proto/stressd/v1/run.pb.h"
#include "proto/stressd/v1/scenario.pb.h"
#include "proto/stressd/v1/soak.pb.h"
#include "proto/stressd/v1/status.pb.h"
#include "stressd/daemon/findings/finding.h"
#include "stressd/daemon/runs/host_view.h"
#include "stressd/daemon/runs/limits.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/runs/scenario_catalog.h"
#include "stressd/daemon/runs/soak.h"

namespace stressd::service {

using CounterMap = google::protobuf::Map<std::string, int64_t>;

// `text` with what is no UTF-8 replaced: a host may write anything to stderr.
std::string ValidUtf8(absl::string_view text);

google::protobuf::Duration ToDuration(absl::Duration duration);
google::protobuf::Timestamp ToTimestamp(absl::Time time);

// InvalidArgumentError for parts out of range, parts of different sign, or a
// negative duration.
absl::StatusOr<absl::Duration> FromDuration(absl::string_view field,
                                            const google::protobuf::Duration& duration);

// InvalidArgumentError for a number that this daemon does not know.
absl::StatusOr<runs::Verdict> FromVerdict(absl::string_view field, v1::Verdict verdict);
absl::StatusOr<runs::HostKind> FromHostKind(absl::string_view field, v1::HostKind kind);

void ToCounters(const std::vector<runs::CounterValue>& counters, CounterMap& out);

// `with_texts`: also report, stacks and events.
v1::Run ToRun(const runs::RunRecord& run, bool with_texts);
v1::RunProgress ToProgress(const runs::RunProgress& progress);
v1::RunEvent ToEvent(const runs::RunEventRecord& event);
v1::Violation ToViolation(const runs::Violation& violation);
absl::StatusOr<runs::RunSpec> FromRunSpec(const v1::RunSpec& spec);

v1::Scenario ToScenario(const runs::ScenarioCatalog& catalog,
                        const runs::ScenarioDescription& scenario);

v1::HostCounters ToHostCounters(const runs::HostSample& sample);
v1::HostSummary ToHostSummary(const runs::HostSample& sample);
v1::Balance ToBalance(const runs::HostBalance& balance);
v1::Limits ToLimits(const runs::Limits& limits);

// `with_texts`: also report, counters and events.
v1::Finding ToFinding(const findings::Finding& finding, bool with_texts);

v1::Soak ToSoak(const runs::SoakRecord& soak);
absl::StatusOr<runs::SoakPlan> FromSoakPlan(const v1::SoakPlan& plan);

// A plan in text format, as in configs/soaks/. InvalidArgumentError has line
// and column.
absl::StatusOr<runs::SoakPlan> ParseSoakPlan(const std::string& text);

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_CONVERSION_H_
