// A campaign: many schedules of one program, chosen by a bandit over the arms.
//
// Model.  First the program is learned with fixed seeds: which sites are
// shared, how many steps there are, arm by arm. These runs depend on the
// program alone, so a replay can repeat them. Then schedule i of the campaign
// runs with seed Mix(base seed, i) under the arm that has lately shown the most
// new behaviour (a signature never seen before) for its schedules.
// Thread safety.  Run() is called by one thread; with several jobs it starts its
// own and guards what they share.
// Source.  Auer, Cesa-Bianchi, Fischer, "Finite-time analysis of the multiarmed
// bandit problem" (UCB1).
#ifndef STRESSD_EXPLORE_DRIVER_CAMPAIGN_H_
#define STRESSD_EXPLORE_DRIVER_CAMPAIGN_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "stressd/explore/driver/arm.h"
#include "stressd/explore/driver/target.h"

namespace explore {

struct CampaignOptions {
  std::vector<std::string> command;
  uint64_t schedules = 2000;
  uint64_t seed = 1;
  std::vector<Arm> arms;  // Empty: Portfolio().
  MemoryModel model = MemoryModel::kSequential;
  bool detect_races = true;
  bool filter_sites = true;
  bool eager_timeouts = false;
  bool stop_at_first = false;
  uint64_t max_steps = 200000;
  double timeout_s = 10;   // Of one schedule.
  double limit_s = 0;      // Of the campaign; 0: none.
  double limit_cpu_s = 0;  // Processor time of all its processes; 0: none.
  int jobs = 1;
  int audit_every = 64;   // Every such batch is run twice and compared; 0: never.
  uint32_t bound = 2;     // Preemptions, of the strategy dfs.
  uint64_t left_out = 0;  // Optional parts that are not there.
  // Called after every batch of a campaign with the schedules and the distinct ones so
  // far, one call at a time; false ends the campaign.
  std::function<bool(uint64_t schedules, uint64_t distinct)> on_batch = nullptr;
  // Called after every single schedule of a replay or of the minimizer.
  std::function<void()> on_schedule = nullptr;
};

// One schedule, named exactly: what a replay needs besides the program.
struct ScheduleName {
  Arm arm;
  MemoryModel model = MemoryModel::kSequential;
  uint64_t seed = 0;

  // "pct:3/sc/0x1f"; the form that --replay takes.
  std::string Text() const;
};

// What a schedule that ended with a finding left behind.
struct Finding {
  Verdict verdict = Verdict::kPassed;
  int status = 0;
  std::string message;
  std::string output;  // The last lines the program printed.
  ScheduleName schedule;
  uint64_t index = 0;  // Of the schedule in the campaign.
  uint64_t count = 1;  // Schedules that ended alike.
  uint64_t preemptions = 0;
  uint64_t image_base = 0;
  uint64_t asked_parts = 0;  // Optional parts; of its whole batch.
  std::vector<FindingStack> stacks;
  std::vector<Segment> segments;
};

struct ArmStatistics {
  Arm arm;
  uint64_t schedules = 0;
  uint64_t findings = 0;
  uint64_t novel = 0;  // Schedules with a signature never seen before.
  double seconds = 0;
};

struct CampaignResult {
  std::string error;  // Not empty: it could not run.
  std::string build_id;
  std::string program;
  bool in_process = false;
  bool complete = false;  // Of dfs: no schedule within the bound is left.
  uint64_t schedules = 0;
  uint64_t failed = 0;       // Schedules that ended with a finding.
  uint64_t first_index = 0;  // Of the first finding's schedule.
  uint64_t distinct = 0;     // Signatures.
  uint64_t audited = 0;
  uint64_t points = 0;   // Decisions in all schedules.
  uint32_t threads = 0;  // Most in one schedule.
  double learn_seconds = 0;
  double seconds = 0;      // Of the schedules, learning excluded.
  double cpu_seconds = 0;  // Processor time of everything, learning included.
  std::vector<ArmStatistics> arms;
  std::vector<Finding> findings;  // Distinct, in order of the campaign.
};

// Sets the parts of a request that the options give.
void FillRequest(const CampaignOptions& options, Request& request);

// Learns the program's sites and calibrates `arms`. Deterministic.
void Learn(Target& target, const CampaignOptions& options, std::vector<Arm>& arms);

// The second half of that alone: the arms' estimates.
void EstimateSteps(Target& target, const CampaignOptions& options, std::vector<Arm>& arms);

// What the schedule that `target` ran last left behind.
Finding TakeFinding(Target& target);

// The code that a finding's stacks end in, in any order: equal for two findings of one
// defect, on one build.
uint64_t SitesOf(const Finding& finding);

// Runs one schedule under its name; the target has learned. Returns its
// finding, or one with Verdict::kPassed.
Finding RunNamed(Target& target, const CampaignOptions& options, const ScheduleName& name,
                 bool trace);

// Runs `segments` instead of a strategy; `seed` decides what they leave open.
Finding RunSegments(Target& target, const CampaignOptions& options,
                    const std::vector<Segment>& segments, uint64_t seed, bool trace);

CampaignResult RunCampaign(const CampaignOptions& options);

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_CAMPAIGN_H_
