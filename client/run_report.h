// What a finished run shows: verdict, counters, reference totals, violations,
// report, and, unless it passed, the line that repeats it.
//
// Thread safety.  Called from the main thread.
#ifndef CLIENT_RUN_REPORT_H_
#define CLIENT_RUN_REPORT_H_

#include <string>
#include <vector>

#include "client/hit_rate.h"
#include "client/session.h"
#include "proto/stressd/v1/run.pb.h"

namespace stressd::client {

// Prints the whole of one finished or unfinished run, for people.
void PrintRunDetails(const Session& session, const v1::Run& run);

// Prints a table of runs, a line each.
void PrintRunTable(const Session& session, const std::vector<v1::Run>& runs);

// Prints counters and reference totals of several finished runs side by side.
void PrintRunComparison(const Session& session, const std::vector<v1::Run>& runs);

// Prints violations, report and stacks of a run that did not pass, and last the
// line that repeats it.
void PrintFailure(const Session& session, const v1::Run& run);

// Prints hits, runs, rate and its 95 % interval (hit_rate.h), per flavor.
void PrintSeries(const Session& session, const std::vector<v1::Run>& runs);

// `[0.0061, 0.172]`; `-` without runs.
std::string IntervalText(const HitRate& seen, double confidence);

// What JudgeRate() says, in a sentence with its basis.
std::string JudgementText(const HitRate& seen, double rate, double confidence);

}  // namespace stressd::client

#endif  // CLIENT_RUN_REPORT_H_
