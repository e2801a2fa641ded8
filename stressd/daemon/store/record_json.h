// Parts of records as JSON objects: what the store keeps but never searches.
//
// Model.  Durations are whole nanoseconds, times microseconds since the Unix
// epoch, enumerators numbers. Reading takes what is there and leaves defaults
// for the rest, so that fields may be added without a migration.
// Thread safety.  Pure functions; they throw nlohmann::json::exception for text
// that is no such object: call inside Guarded().
#ifndef STRESSD_DAEMON_STORE_RECORD_JSON_H_
#define STRESSD_DAEMON_STORE_RECORD_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "stressd/daemon/findings/finding.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/runs/soak.h"

namespace stressd::store {

// The whole record but id, state, verdict, times and what lies in other tables:
// texts, events, counters and references.
std::string SpecJson(const runs::RunRecord& run);
std::string OutcomeJson(const runs::RunRecord& run);
void ReadSpecJson(const std::string& text, runs::RunRecord& run);
void ReadOutcomeJson(const std::string& text, runs::RunRecord& run);

std::string EventsJson(const std::vector<runs::RunEventRecord>& events);
std::vector<runs::RunEventRecord> ReadEventsJson(const std::string& text);

// The whole record.
std::string SoakJson(const runs::SoakRecord& soak);
runs::SoakRecord ReadSoakJson(const std::string& text);

// What lists show, and what only a single finding shows (without its report).
std::string FindingSummaryJson(const findings::Finding& finding);
std::string FindingDetailJson(const findings::Finding& finding);
void ReadFindingSummaryJson(const std::string& text, findings::Finding& finding);
void ReadFindingDetailJson(const std::string& text, findings::Finding& finding);

std::string CountersJson(const std::vector<runs::CounterValue>& counters);
std::vector<runs::CounterValue> ReadCountersJson(const std::string& text);

}  // namespace stressd::store

#endif  // STRESSD_DAEMON_STORE_RECORD_JSON_H_
