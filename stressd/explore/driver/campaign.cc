#include "stressd/explore/driver/campaign.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <thread>

#include "stressd/explore/random.h"

namespace explore {
namespace {

using Clock = std::chrono::steady_clock;

// Batches: large where a schedule costs microseconds, small where a finding
// should soon move the bandit.
constexpr uint32_t kForkBatch = 16;
// Learning: enough that a program's rare sites are still unknown, which means
// scheduled, rather than taken for private.
constexpr int kLearningRuns = 4;
constexpr int kCalibrationRuns = 2;
constexpr uint64_t kLearningSeed = 0x1ea21;

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void UseArm(const Arm& arm, Request& request) {
  request.strategy = arm.kind;
  request.depth = arm.depth;
  request.step_estimate = arm.step_estimate;
  memcpy(request.thread_steps, arm.thread_steps, sizeof(request.thread_steps));
}

// Equal for findings that a reader would call the same.
uint64_t Fingerprint(const Finding& finding) {
  return static_cast<uint64_t>(finding.verdict) * 1000 + finding.status + SitesOf(finding);
}

// Runs `count` schedules of `arm` with seeds of a family that depends on the
// program alone. Returns the largest number of decisions.
void Calibrate(Target& target, const CampaignOptions& options, Arm& arm, int count, bool learn) {
  FillRequest(options, target.request());
  Request& request = target.request();
  request.learn_sites = learn ? 1 : 0;
  request.filter_sites = learn ? 0 : request.filter_sites;
  // A race ends a schedule early, which would leave the rest unlearned.
  request.detect_races = 0;
  request.batch_count = 1;
  // Nothing that was known before may matter.
  arm.step_estimate = 0;
  memset(arm.thread_steps, 0, sizeof(arm.thread_steps));
  uint64_t points = 0;
  std::vector<uint64_t> steps(kMaxThreads, 0);
  for (int i = 0; i < count; ++i) {
    UseArm(arm, request);
    request.seeds[0] = Mix(kLearningSeed, static_cast<uint64_t>(i));
    if (!target.Run()) return;
    const Result& result = target.result();
    points = std::max(points, result.points);
    for (uint32_t t = 0; t < kMaxThreads; ++t) {
      steps[t] = std::max(steps[t], result.thread_steps[t]);
    }
    arm.step_estimate = points;
    std::copy(steps.begin(), steps.end(), arm.thread_steps);
  }
}

class Campaign {
 public:
  explicit Campaign(const CampaignOptions& options) : options_(options) {}

  CampaignResult Run();

 private:
  struct Batch {
    uint64_t first;
    uint32_t count;
    size_t arm;
    bool audit;
  };

  void Work();
  bool NextBatch(bool in_process, Batch& batch);
  double CpuSecondsLocked() const;
  size_t ChooseArm() const;
  void RunBatch(Target& target, const Batch& batch);
  bool RunPart(Target& target, const Batch& batch, uint32_t start, uint32_t* done,
               std::vector<uint64_t>* signatures);
  void Note(Target& target, const Batch& batch, uint64_t index);
  void AddFinding(Finding finding);

  const CampaignOptions options_;
  std::mutex mutex_;  // Guards what follows.
  CampaignResult result_;
  uint64_t next_index_ = 0;
  uint64_t batch_number_ = 0;
  bool stop_ = false;
  std::unordered_set<uint64_t> signatures_;
  std::vector<uint64_t> fingerprints_;
  Clock::time_point start_;
  double target_cpu_seconds_ = 0;  // Of all targets.
  timespec own_start_{};
};

size_t Campaign::ChooseArm() const {
  // Every second batch goes round: what is new is not always what is wrong.
  if (batch_number_ % 2 == 0) return batch_number_ / 2 % result_.arms.size();
  double best = -1;
  size_t chosen = 0;
  const double total = static_cast<double>(result_.schedules) + 1;
  for (size_t i = 0; i < result_.arms.size(); ++i) {
    const ArmStatistics& arm = result_.arms[i];
    const double n = static_cast<double>(arm.schedules);
    // Fewer than one batch: its turn.
    if (arm.schedules == 0) return i;
    const double score = static_cast<double>(arm.novel) / n + std::sqrt(2 * std::log(total) / n);
    if (score > best) {
      best = score;
      chosen = i;
    }
  }
  return chosen;
}

double Campaign::CpuSecondsLocked() const {
  timespec own{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
  return target_cpu_seconds_ + static_cast<double>(own.tv_sec - own_start_.tv_sec) +
         static_cast<double>(own.tv_nsec - own_start_.tv_nsec) * 1e-9;
}

bool Campaign::NextBatch(bool in_process, Batch& batch) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stop_ || next_index_ >= options_.schedules) return false;
  if (options_.limit_s > 0 && Since(start_) > options_.limit_s) return false;
  if (options_.limit_cpu_s > 0 && CpuSecondsLocked() > options_.limit_cpu_s) return false;
  batch.first = next_index_;
  batch.count = static_cast<uint32_t>(
      std::min<uint64_t>(in_process ? kMaxBatch : kForkBatch, options_.schedules - next_index_));
  next_index_ += batch.count;
  batch.arm = ChooseArm();
  ++batch_number_;
  batch.audit = options_.audit_every > 0 && batch_number_ % options_.audit_every == 1;
  // The arm's turn is taken at once, so that parallel jobs spread.
  result_.arms[batch.arm].schedules += batch.count;
  return true;
}

bool Campaign::RunPart(Target& target, const Batch& batch, uint32_t start, uint32_t* done,
                       std::vector<uint64_t>* signatures) {
  FillRequest(options_, target.request());
  UseArm(result_.arms[batch.arm].arm, target.request());
  target.request().batch_count = batch.count - start;
  for (uint32_t i = start; i < batch.count; ++i) {
    target.request().seeds[i - start] = Mix(options_.seed, batch.first + i);
  }
  const bool alive = target.Run();
  const uint32_t ran = target.result().runs_done;
  *done = start + ran;
  signatures->assign(target.result().signatures, target.result().signatures + ran);
  return alive && ran > 0;
}

void Campaign::Note(Target& target, const Batch& batch, uint64_t index) {
  Finding finding = TakeFinding(target);
  finding.index = index;
  finding.schedule =
      ScheduleName{result_.arms[batch.arm].arm, options_.model, Mix(options_.seed, index)};
  ++result_.arms[batch.arm].findings;
  ++result_.failed;
  AddFinding(std::move(finding));
  if (options_.stop_at_first) stop_ = true;
}

void Campaign::AddFinding(Finding finding) {
  const uint64_t fingerprint = Fingerprint(finding);
  for (size_t i = 0; i < fingerprints_.size(); ++i) {
    if (fingerprints_[i] != fingerprint) continue;
    ++result_.findings[i].count;
    if (finding.index < result_.findings[i].index) {
      finding.count = result_.findings[i].count;
      result_.findings[i] = std::move(finding);
    }
    return;
  }
  fingerprints_.push_back(fingerprint);
  result_.findings.push_back(std::move(finding));
}

void Campaign::RunBatch(Target& target, const Batch& batch) {
  std::vector<uint64_t> signatures;
  const Clock::time_point start = Clock::now();
  uint32_t done = 0;
  while (done < batch.count) {
    const uint32_t begin = done;
    const bool alive = RunPart(target, batch, begin, &done, &signatures);
    const bool found = target.result().verdict != Verdict::kPassed;
    std::vector<uint64_t> again;
    if (alive && batch.audit && begin == 0 && !found) {
      uint32_t ignored = 0;
      RunPart(target, batch, begin, &ignored, &again);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    ArmStatistics& arm = result_.arms[batch.arm];
    for (size_t i = 0; i < signatures.size(); ++i) {
      if (signatures_.insert(signatures[i]).second) ++arm.novel;
      result_.points += target.result().run_points[i];
    }
    result_.schedules += signatures.size();
    result_.threads = std::max(result_.threads, target.result().thread_count);
    if (!alive) {
      result_.error = "the program's server died: " + target.Output();
      stop_ = true;
      return;
    }
    if (!again.empty()) {
      result_.audited += again.size();
      for (size_t i = 0; i < again.size(); ++i) {
        if (i < signatures.size() && again[i] == signatures[i]) continue;
        Finding finding;
        finding.verdict = Verdict::kDiverged;
        finding.message =
            "two runs of one schedule differ: the program depends on something "
            "besides its input and its schedule";
        finding.index = batch.first + i;
        finding.schedule = ScheduleName{arm.arm, options_.model, Mix(options_.seed, finding.index)};
        AddFinding(std::move(finding));
        ++result_.failed;
        break;
      }
    } else if (found) {
      Note(target, batch, batch.first + done - 1);
    }
    if (stop_) break;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  result_.arms[batch.arm].schedules -= batch.count - done;
  result_.arms[batch.arm].seconds += Since(start);
  if (options_.on_batch && !options_.on_batch(result_.schedules, signatures_.size())) stop_ = true;
}

void Campaign::Work() {
  Target target(options_.command, options_.timeout_s);
  std::string error = target.Start();
  std::vector<Arm> arms = options_.arms.empty() ? Portfolio() : options_.arms;
  const Clock::time_point start = Clock::now();
  if (error.empty()) Learn(target, options_, arms);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!error.empty()) {
      result_.error = error;
      stop_ = true;
      return;
    }
    if (result_.arms.empty()) {
      for (const Arm& arm : arms) {
        ArmStatistics statistics;
        statistics.arm = arm;
        result_.arms.push_back(statistics);
      }
      result_.build_id = target.build_id();
      result_.program = target.program();
      result_.in_process = target.in_process();
      result_.learn_seconds = Since(start);
      start_ = Clock::now();
    }
  }
  Batch batch{};
  double counted = 0;
  const auto count = [&] {
    const double used = target.CpuSeconds();
    const std::lock_guard<std::mutex> lock(mutex_);
    target_cpu_seconds_ += used - counted;
    counted = used;
  };
  count();
  while (NextBatch(target.in_process(), batch)) {
    RunBatch(target, batch);
    count();
  }
}

CampaignResult Campaign::Run() {
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own_start_);
  start_ = Clock::now();
  std::vector<std::thread> workers;
  for (int job = 1; job < options_.jobs; ++job) workers.emplace_back(&Campaign::Work, this);
  Work();
  for (std::thread& worker : workers) worker.join();
  result_.seconds = Since(start_);
  result_.cpu_seconds = CpuSecondsLocked();
  result_.distinct = signatures_.size();
  std::sort(result_.findings.begin(), result_.findings.end(),
            [](const Finding& a, const Finding& b) { return a.index < b.index; });
  if (!result_.findings.empty()) result_.first_index = result_.findings.front().index;
  return std::move(result_);
}

}  // namespace

std::string ScheduleName::Text() const {
  char text[32];
  snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(seed));
  return arm.Name() + "/" + ModelName(model) + "/" + text;
}

void FillRequest(const CampaignOptions& options, Request& request) {
  request = Request{};
  request.model = options.model;
  request.detect_races = options.detect_races ? 1 : 0;
  request.filter_sites = options.filter_sites ? 1 : 0;
  request.eager_timeouts = options.eager_timeouts ? 1 : 0;
  request.max_steps = options.max_steps;
  request.left_out = options.left_out;
}

Finding TakeFinding(Target& target) {
  Finding finding;
  const Result& result = target.result();
  finding.verdict = result.verdict;
  finding.status = result.status;
  finding.message = result.message;
  finding.preemptions = result.preemptions;
  finding.image_base = result.image_base;
  finding.asked_parts = result.asked_parts;
  finding.stacks.assign(result.stacks, result.stacks + result.stack_count);
  finding.segments.assign(target.exchange().segments,
                          target.exchange().segments + result.segment_count + 1);
  if (finding.verdict != Verdict::kPassed) finding.output = target.Output();
  if (finding.verdict == Verdict::kHung) finding.message = "no end within the time limit";
  return finding;
}

uint64_t SitesOf(const Finding& finding) {
  uint64_t hash = 0;
  // The two sides of a race are one race.
  for (const FindingStack& stack : finding.stacks) {
    hash += Mix(stack.frame_count > 0 ? stack.frames[0] - finding.image_base : 0);
  }
  return hash;
}

void Learn(Target& target, const CampaignOptions& options, std::vector<Arm>& arms) {
  if (options.filter_sites) {
    for (const char* name : {"rw", "pos", "pct:3", "urw"}) {
      Arm arm = *ParseArm(name);
      Calibrate(target, options, arm, kLearningRuns, /*learn=*/true);
    }
  }
  EstimateSteps(target, options, arms);
}

void EstimateSteps(Target& target, const CampaignOptions& options, std::vector<Arm>& arms) {
  for (Arm& arm : arms) Calibrate(target, options, arm, kCalibrationRuns, /*learn=*/false);
}

Finding RunNamed(Target& target, const CampaignOptions& options, const ScheduleName& name,
                 bool trace) {
  FillRequest(options, target.request());
  UseArm(name.arm, target.request());
  target.request().model = name.model;
  target.request().seeds[0] = name.seed;
  target.request().batch_count = 1;
  target.request().trace = trace ? 1 : 0;
  target.Run();
  if (options.on_schedule) options.on_schedule();
  Finding finding = TakeFinding(target);
  finding.schedule = name;
  return finding;
}

Finding RunSegments(Target& target, const CampaignOptions& options,
                    const std::vector<Segment>& segments, uint64_t seed, bool trace) {
  FillRequest(options, target.request());
  Request& request = target.request();
  request.strategy = StrategyKind::kDirected;
  request.seeds[0] = seed;
  request.batch_count = 1;
  request.trace = trace ? 1 : 0;
  request.segment_count = static_cast<uint32_t>(std::min<size_t>(segments.size(), kMaxSegments));
  std::copy(segments.begin(), segments.begin() + request.segment_count,
            target.exchange().requested_segments);
  target.Run();
  if (options.on_schedule) options.on_schedule();
  return TakeFinding(target);
}

CampaignResult RunCampaign(const CampaignOptions& options) { return Campaign(options).Run(); }

}  // namespace explore
