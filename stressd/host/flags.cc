#include "stressd/host/flags.h"

#include <cstdio>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "stressd/protocol/exit_code.h"

namespace stressd::host {
namespace {

// What cannot be said by declaring a flag. Empty: nothing wrong.
std::string Problem(const Flags& flags) {
  if (flags.mode == HostMode::kStandalone) {
    if (flags.scenario.empty() && !flags.list && !flags.version) {
      return "--scenario: is required; --list names all";
    }
    return "";
  }
  if (flags.control_fd < 0) return "--control-fd: is required with --mode";
  if (flags.parent_pid <= 0) return "--parent-pid: is required with --mode";
  if (flags.mode == HostMode::kResident && flags.black_box_fd < 0) {
    return "--black-box-fd: is required with --mode=resident";
  }
  return "";
}

// Splits "name=value" entries. Returns what is wrong, or nothing.
std::string SplitParameters(const std::vector<std::string>& texts,
                            std::map<std::string, std::string>& out) {
  for (const std::string& text : texts) {
    const size_t at = text.find('=');
    if (at == 0 || at == std::string::npos) {
      return "--param: '" + text + "'; must be name=value";
    }
    if (!out.emplace(text.substr(0, at), text.substr(at + 1)).second) {
      return "--param: '" + text.substr(0, at) + "' is given twice";
    }
  }
  return "";
}

// The library takes -1 for 2^64 - 1.
std::string ParseSeed(const std::string& text, uint64_t& out) {
  if (text.empty() || absl::SimpleAtoi(text, &out)) return "";
  return "--seed: '" + text + "'; must be a whole number from 0 to 2^64 - 1";
}

std::string ParseDurationText(const std::string& text, absl::Duration& out) {
  if (text.empty()) return "";
  if (!absl::ParseDuration(text, &out) || out <= absl::ZeroDuration() || out > absl::Hours(24)) {
    return "--duration: '" + text +
           "'; must be above 0 and at most 24h, "
           "as in 500ms or 2s";
  }
  return "";
}

}  // namespace

std::optional<Flags> ParseFlags(int argc, char** argv, int* exit_code) {
  Flags flags;
  std::vector<std::string> parameters;
  std::string duration;
  std::string seed;
  CLI::App app("Executes stress scenarios against the runtime core.");
  app.add_option("--mode", flags.mode, "standalone, resident or forkserver")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, HostMode>{{"standalone", HostMode::kStandalone},
                                          {"resident", HostMode::kResident},
                                          {"forkserver", HostMode::kForkServer}}));
  app.add_option("--control-fd", flags.control_fd, "the daemon's socket (by the daemon)");
  app.add_option("--black-box-fd", flags.black_box_fd, "the shared memory (by the daemon)");
  app.add_option("--parent-pid", flags.parent_pid,
                 "dies when this is not its parent (by the daemon)");
  app.add_flag("--list", flags.list, "lists the scenarios");
  app.add_flag("--version", flags.version, "prints flavor and build id");
  app.add_option("--scenario", flags.scenario, "which one to run");
  app.add_option("--preset", flags.preset, "named values, as smoke");
  app.add_option("--param", parameters, "name=value, any number of times")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--seed", seed, "a whole number from 0 to 2^64 - 1");
  app.add_option("--repeat", flags.repeat_count, "how many runs, each with the next seed")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
  app.add_option("--plan", flags.plan, "perturbs the runs: none, auto, uniform, pct:depth=3, ...");
  app.add_flag("--points", flags.points, "prints the schedule points that a plan has counted");
  app.add_option("--duration", duration, "how long to work, as 500ms or 2s");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error) == 0 ? 0 : protocol::kExitUsage;
    return std::nullopt;
  }
  std::string problem = SplitParameters(parameters, flags.parameters);
  if (problem.empty()) problem = ParseSeed(seed, flags.seed);
  if (problem.empty()) problem = ParseDurationText(duration, flags.duration);
  if (problem.empty()) problem = Problem(flags);
  if (problem.empty()) return flags;
  std::fprintf(stderr, "%s\n", problem.c_str());
  *exit_code = protocol::kExitUsage;
  return std::nullopt;
}

}  // namespace stressd::host
