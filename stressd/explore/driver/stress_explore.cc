// stress-explore: runs a program under the controlled engine.
//
// Exit status: 0 nothing found, 1 a finding, 2 usage, 3 could not run.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "stressd/explore/driver/campaign.h"
#include "stressd/explore/driver/exhaustive.h"
#include "stressd/explore/driver/investigation.h"
#include "stressd/explore/driver/statistics.h"

namespace explore {
namespace {

struct Options {
  CampaignOptions campaign;
  std::string strategy = "portfolio";
  std::string model = "sc";
  std::string replay;
  std::string replay_file;
  std::string schedule_path;
  std::string timeline_path;
  uint64_t repeat = 10;
  // Distinct findings that are minimized and explained; the others are listed.
  uint64_t explain = 3;
  bool json = false;
  bool no_races = false;
  bool no_filter = false;
};

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// The flags besides the schedule's name that a replay must repeat.
std::string ReplayFlags(const Options& options) {
  std::string text;
  if (options.no_races) text += " --no-races";
  if (options.no_filter) text += " --no-filter";
  if (options.campaign.eager_timeouts) text += " --eager-timeouts";
  if (options.campaign.max_steps != CampaignOptions().max_steps) {
    text += " --max-steps " + std::to_string(options.campaign.max_steps);
  }
  return text;
}

bool ParseName(const std::string& text, ScheduleName& name) {
  const size_t first = text.find('/');
  const size_t second = text.find('/', first + 1);
  if (first == std::string::npos || second == std::string::npos) return false;
  const auto arm = ParseArm(text.substr(0, first));
  const auto model = ParseModel(text.substr(first + 1, second - first - 1));
  char* end = nullptr;
  name.seed = strtoull(text.c_str() + second + 1, &end, 0);
  if (!arm.has_value() || !model.has_value() || *end != '\0') return false;
  name.arm = *arm;
  name.model = *model;
  return true;
}

nlohmann::json ToJson(const SymbolizedStack& stack) {
  return {{"title", stack.title}, {"frames", stack.frames}};
}

nlohmann::json PartNumbers(uint64_t parts) {
  nlohmann::json numbers = nlohmann::json::array();
  for (uint32_t part = 0; part < kMaxParts; ++part) {
    if ((parts >> part & 1) != 0) numbers.push_back(part);
  }
  return numbers;
}

nlohmann::json ToJson(const Investigation& investigation) {
  nlohmann::json stacks = nlohmann::json::array();
  for (const SymbolizedStack& stack : investigation.stacks) stacks.push_back(ToJson(stack));
  nlohmann::json pair = nlohmann::json::array();
  for (const SymbolizedStack& stack : investigation.pair) pair.push_back(ToJson(stack));
  const Finding& finding = investigation.finding;
  return {{"verdict", VerdictName(finding.verdict)},
          {"message", finding.message},
          {"status", finding.status},
          {"schedule_index", finding.index},
          {"count", finding.count},
          {"replay", finding.schedule.Text()},
          {"replays", investigation.replays},
          {"replayed", investigation.replayed},
          {"preemptions", finding.preemptions},
          {"minimized_preemptions", investigation.minimized.finding.preemptions},
          {"minimizer_schedules", investigation.minimized.attempts},
          {"asked_parts", PartNumbers(investigation.minimized.asked_parts)},
          {"left_out_parts", PartNumbers(investigation.minimized.left_out)},
          {"minimized_schedule", investigation.switches},
          {"stacks", stacks},
          {"critical_pair", pair},
          {"output", finding.output}};
}

nlohmann::json ToJson(const CampaignResult& result) {
  const Interval interval = WilsonInterval(result.failed, result.schedules);
  nlohmann::json arms = nlohmann::json::array();
  for (const ArmStatistics& arm : result.arms) {
    arms.push_back({{"strategy", arm.arm.Name()},
                    {"schedules", arm.schedules},
                    {"findings", arm.findings},
                    {"new", arm.novel},
                    {"step_estimate", arm.arm.step_estimate},
                    {"seconds", arm.seconds}});
  }
  return {{"build_id", result.build_id},
          {"schedules", result.schedules},
          {"failed", result.failed},
          {"hit_rate", {{"low", interval.low}, {"high", interval.high}}},
          {"distinct", result.distinct},
          {"audited", result.audited},
          {"decisions", result.points},
          {"threads", result.threads},
          {"learn_seconds", result.learn_seconds},
          {"seconds", result.seconds},
          {"cpu_seconds", result.cpu_seconds},
          {"in_process", result.in_process},
          {"complete", result.complete},
          {"strategies", arms}};
}

void PrintSummary(const Options& options, const CampaignResult& result) {
  const Interval interval = WilsonInterval(result.failed, result.schedules);
  const double n = static_cast<double>(result.schedules);
  printf(
      "%llu schedules in %.2f s (%.0f/s, %.2f CPU seconds, learning %.2f s), %llu distinct, "
      "%.0f decisions each, %u threads, model %s\n",
      static_cast<unsigned long long>(result.schedules), result.seconds,
      result.seconds > 0 ? n / result.seconds : 0, result.cpu_seconds, result.learn_seconds,
      static_cast<unsigned long long>(result.distinct),
      n > 0 ? static_cast<double>(result.points) / n : 0, result.threads,
      ModelName(options.campaign.model));
  printf("%llu failed: %.3f %% (95 %% interval %.3f to %.3f %%)\n",
         static_cast<unsigned long long>(result.failed),
         n > 0 ? 100 * static_cast<double>(result.failed) / n : 0, 100 * interval.low,
         100 * interval.high);
  if (options.strategy == "dfs") {
    printf("%s within %u preemptions\n", result.complete ? "every schedule" : "not every schedule",
           options.campaign.bound);
  }
  if (result.failed > 0) {
    const ScheduleName& name = result.findings.front().schedule;
    printf("first: schedule %llu of base seed %llu, %s\n",
           static_cast<unsigned long long>(result.first_index),
           static_cast<unsigned long long>(options.campaign.seed), name.Text().c_str());
  }
  for (const ArmStatistics& arm : result.arms) {
    if (arm.schedules == 0) continue;
    printf("  %-8s %8llu schedules %8llu failed %8llu new %10.0f/s\n", arm.arm.Name().c_str(),
           static_cast<unsigned long long>(arm.schedules),
           static_cast<unsigned long long>(arm.findings),
           static_cast<unsigned long long>(arm.novel),
           arm.seconds > 0 ? static_cast<double>(arm.schedules) / arm.seconds : 0);
  }
}

int Fail(const std::string& error) {
  fprintf(stderr, "stress-explore: %s\n", error.c_str());
  return 3;
}

bool Save(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) fprintf(stderr, "stress-explore: cannot write %s\n", path.c_str());
  return static_cast<bool>(file);
}

int Explore(const Options& options) {
  const CampaignResult result = options.strategy == "dfs" ? RunExhaustiveCampaign(options.campaign)
                                                          : RunCampaign(options.campaign);
  if (!result.error.empty()) return Fail(result.error);
  std::vector<Investigation> investigations;
  if (!result.findings.empty() && options.explain > 0) {
    Target target(options.campaign.command, options.campaign.timeout_s);
    const std::string error = target.Start();
    if (!error.empty()) return Fail(error);
    std::vector<Arm> arms;
    Learn(target, options.campaign, arms);
    for (size_t i = 0; i < result.findings.size() && i < options.explain; ++i) {
      investigations.push_back(
          Investigate(target, options.campaign, result.findings[i], options.repeat));
    }
    const Investigation& first = investigations.front();
    if (!options.schedule_path.empty()) {
      const std::string problem = WriteScheduleFile(options.schedule_path, first.file);
      if (!problem.empty()) return Fail(problem);
    }
    if (!options.timeline_path.empty() && !Save(options.timeline_path, first.timeline)) return 3;
  }
  if (options.json) {
    nlohmann::json document = ToJson(result);
    document["seed"] = options.campaign.seed;
    document["model"] = options.model;
    document["first_index"] = result.first_index;
    document["findings"] = nlohmann::json::array();
    for (const Investigation& item : investigations) document["findings"].push_back(ToJson(item));
    printf("%s\n", document.dump(1).c_str());
  } else {
    PrintSummary(options, result);
    for (const Investigation& item : investigations) {
      printf("\n%s",
             Describe(item, Joined(options.campaign.command), ReplayFlags(options)).c_str());
    }
    if (result.findings.size() > options.explain) {
      printf("\n%zu more distinct findings:\n", result.findings.size() - options.explain);
      for (size_t i = options.explain; i < result.findings.size(); ++i) {
        const Finding& finding = result.findings[i];
        printf("  %s (%llu times) %s: %s\n", finding.schedule.Text().c_str(),
               static_cast<unsigned long long>(finding.count), VerdictName(finding.verdict),
               finding.message.c_str());
      }
    }
  }
  return result.failed > 0 ? 1 : 0;
}

// Runs one named schedule or schedule file `repeat` times.
int Replay(const Options& options) {
  ScheduleName name;
  ScheduleFile file;
  CampaignOptions campaign = options.campaign;
  if (!options.replay_file.empty()) {
    const std::string error = ReadScheduleFile(options.replay_file, file);
    if (!error.empty()) return Fail(error);
    campaign.model = file.model;
  } else if (!ParseName(options.replay, name)) {
    fprintf(stderr, "stress-explore: --replay is '%s', must be STRATEGY/MODEL/SEED\n",
            options.replay.c_str());
    return 2;
  } else {
    campaign.model = name.model;
  }
  Target target(campaign.command, campaign.timeout_s);
  const std::string error = target.Start();
  if (!error.empty()) return Fail(error);
  std::vector<Arm> arms;
  if (options.replay_file.empty()) {
    arms.push_back(name.arm);
    Learn(target, campaign, arms);
    name.arm = arms[0];
  }
  Finding first;
  uint64_t alike = 0;
  std::string note;
  for (uint64_t i = 0; i < options.repeat; ++i) {
    Finding finding = options.replay_file.empty() ? RunNamed(target, campaign, name, false)
                                                  : ReplayFile(target, campaign, file, note);
    if (i == 0) first = finding;
    if (finding.verdict == first.verdict && finding.status == first.status &&
        finding.message == first.message) {
      ++alike;
    }
  }
  if (!note.empty()) printf("left the record: %s\n", note.c_str());
  printf("%s%s%s\n%llu of %llu runs alike\n", VerdictName(first.verdict),
         first.message.empty() ? "" : ": ", first.message.c_str(),
         static_cast<unsigned long long>(alike), static_cast<unsigned long long>(options.repeat));
  Symbolizer symbolizer(target.program(), first.image_base);
  for (const FindingStack& stack : first.stacks) {
    printf("  %s\n", stack.title);
    for (uint32_t i = 0; i < stack.frame_count; ++i) {
      if (stack.frames[i] != 0)
        printf("    #%u %s\n", i, symbolizer.Describe(stack.frames[i]).c_str());
    }
  }
  return first.verdict == Verdict::kPassed ? 0 : 1;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app{"Runs a program under every interleaving that seeds can name."};
  app.add_option("--schedules", options.campaign.schedules, "schedules to run")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->capture_default_str();
  app.add_option("--strategy", options.strategy,
                 "portfolio, rw, urw, pos, starve or pct:1 to pct:8, several with commas; or dfs: "
                 "every schedule with few preemptions, to its first finding")
      ->capture_default_str();
  app.add_option("--preemptions", options.campaign.bound, "preemptions in a schedule of dfs")
      ->check(CLI::Range(0, 16))
      ->capture_default_str();
  app.add_option("--model", options.model, "memory model: sc, tso or pso")
      ->check(CLI::IsMember({"sc", "tso", "pso"}))
      ->capture_default_str();
  app.add_option("--seed", options.campaign.seed, "base seed")->capture_default_str();
  app.add_option("--timeout", options.campaign.timeout_s, "seconds one schedule may take")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str();
  app.add_option("--limit", options.campaign.limit_s, "seconds for all; 0: none")
      ->check(CLI::Range(0.0, 1e9));
  app.add_option("--cpu-limit", options.campaign.limit_cpu_s,
                 "processor seconds for all, learning included; 0: none")
      ->check(CLI::Range(0.0, 1e9));
  app.add_option("--jobs", options.campaign.jobs, "programs run side by side")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--max-steps", options.campaign.max_steps, "operations before a livelock")
      ->check(CLI::Range(uint64_t{100}, uint64_t{1} << 40))
      ->capture_default_str();
  app.add_option("--replay", options.replay, "run one schedule: STRATEGY/MODEL/SEED");
  app.add_option("--replay-file", options.replay_file, "run a schedule file");
  app.add_option("--repeat", options.repeat, "replays of each finding")->capture_default_str();
  app.add_option("--explain", options.explain, "distinct findings to minimize and explain")
      ->capture_default_str();
  app.add_option("--save-schedule", options.schedule_path, "file for the minimized schedule");
  app.add_option("--save-timeline", options.timeline_path, "file for its Chrome trace");
  app.add_flag("--json", options.json, "print JSON");
  app.add_flag("--first", options.campaign.stop_at_first, "stop at the first finding");
  app.add_flag("--no-races", options.no_races, "data races are no findings");
  app.add_flag("--no-filter", options.no_filter, "decide at private accesses too");
  app.add_flag("--eager-timeouts", options.campaign.eager_timeouts,
               "timeouts may fire while threads can run");
  app.add_option("command", options.campaign.command, "the program and its arguments")->required();
  app.prefix_command();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.campaign.model = *ParseModel(options.model);
  options.campaign.detect_races = !options.no_races;
  options.campaign.filter_sites = !options.no_filter;
  if (options.strategy != "portfolio" && options.strategy != "dfs") {
    std::stringstream names(options.strategy);
    for (std::string name; std::getline(names, name, ',');) {
      const auto arm = ParseArm(name);
      if (!arm.has_value()) {
        fprintf(stderr,
                "stress-explore: --strategy is '%s', must be portfolio, dfs, rw, urw, pos, "
                "starve or pct:1 to pct:8\n",
                name.c_str());
        return 2;
      }
      options.campaign.arms.push_back(*arm);
    }
  }
  if (!options.replay.empty() || !options.replay_file.empty()) return Replay(options);
  return Explore(options);
}

}  // namespace
}  // namespace explore

int main(int argc, char** argv) { return explore::Main(argc, argv); }
