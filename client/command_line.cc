#include "client/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/build_id.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/session.h"

namespace stressd::client {
namespace {

// Longest duration a flag takes: what a Timestamp can add without overflow.
constexpr absl::Duration kDurationMax = absl::Hours(24 * 365);

// Runs per flavor of --until-confidence when --repeat does not say.
constexpr int64_t kUntilRunMax = 10'000;

// A flag that holds a duration with a unit, in [least, kDurationMax].
CLI::Option* AddDuration(CLI::App* app, const std::string& name, absl::Duration* value,
                         absl::Duration least, const std::string& help) {
  CLI::Option* option = app->add_option_function<std::string>(
      name,
      [name, value, least](const std::string& text) {
        absl::Duration duration;
        if (!absl::ParseDuration(text, &duration)) {
          throw CLI::ValidationError(
              name, absl::StrCat("'", text, "' is not a duration such as 500ms, 90s or 1h30m"));
        }
        if (duration < least || duration > kDurationMax) {
          throw CLI::ValidationError(
              name, absl::StrCat("'", text, "' is out of range [", absl::FormatDuration(least),
                                 ", ", absl::FormatDuration(kDurationMax), "]"));
        }
        *value = duration;
      },
      help);
  return option->type_name("DURATION");
}

class CommandLine {
 public:
  CommandLine() : app_("stressctl: stress runs of free-threaded runtime cores", "stressctl") {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.footer(kExitCodeHelp);
    app_.set_version_flag("--version",
                          [] { return absl::StrCat("stressctl 0.1.0 build ", BuildId()); });
    app_.add_option("--address", address_,
                    "Daemon: unix:PATH or HOST:PORT; default: STRESSD_ADDRESS, else its usual "
                    "unix socket");
    app_.add_option("-o,--output", format_, "table, json or ndjson")
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, OutputFormat>{{"table", OutputFormat::kTable},
                                                {"json", OutputFormat::kJson},
                                                {"ndjson", OutputFormat::kNdjson}},
            CLI::ignore_case))
        ->type_name("FORMAT");
    AddDuration(&app_, "--timeout", &timeout_, absl::Milliseconds(1),
                "Deadline of each call, default 30s; streams have none");
    AddScenario();
    AddRun();
    AddRuns();
    AddLive();
    AddFindings();
    AddRepro();
    AddSoak();
    AddStatus();
  }

  int Execute(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      // CLI11 prints help and version itself, as results; all else is misuse.
      const bool asked = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
      app_.exit(error);
      return asked ? kExitPassed : kExitUsage;
    }
    SessionOptions options;
    options.address = ResolveAddress(address_);
    options.format = format_;
    options.timeout = timeout_;
    Session session(std::move(options));
    return command_(session);
  }

 private:
  using Command = std::function<int(Session&)>;

  // A subcommand that executes `command`.
  CLI::App* Leaf(CLI::App* parent, const std::string& name, const std::string& help,
                 Command command) {
    CLI::App* leaf = parent->add_subcommand(name, help);
    leaf->callback([this, command = std::move(command)] { command_ = command; });
    return leaf;
  }

  CLI::App* Group(const std::string& name, const std::string& help) {
    CLI::App* group = app_.add_subcommand(name, help);
    group->require_subcommand(1);
    group->fallthrough();
    return group;
  }

  // A subcommand with one name as its argument.
  void NameLeaf(CLI::App* parent, const std::string& name, const std::string& help,
                const std::string& argument, int (*command)(Session&, const std::string&)) {
    Leaf(parent, name, help, [this, command](Session& session) { return command(session, name_); })
        ->add_option(argument, name_, "Its name or number")
        ->required();
  }

  void AddScenario() {
    CLI::App* group = Group("scenario", "What can be executed");
    Leaf(group, "list", "List scenarios and canaries",
         [](Session& session) { return ListScenarios(session); });
    NameLeaf(group, "describe", "Show a scenario's promise, parameters and presets", "SCENARIO",
             &DescribeScenario);
  }

  void AddRun() {
    CLI::App* run = Leaf(&app_, "run", "Execute a scenario and wait for its verdict",
                         [this](Session& session) { return RunScenario(session, run_); });
    run->add_option("SCENARIO", run_.scenario, "Name of the scenario")->required();
    run->add_option("--flavor", run_.flavors, "plain, asan, tsan or bench; several with commas")
        ->delimiter(',')
        ->allow_extra_args(false);
    AddSeed(run);
    run->add_option("--param", run_.parameters, "NAME=VALUE, once per parameter")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    run->add_option("--preset", run_.preset, "Values of a preset of the scenario, e.g. smoke");
    AddDuration(run, "--duration", &run_.duration, absl::Milliseconds(1),
                "How long the scenario works; default: as its parameters say");
    AddDuration(run, "--time-limit", &run_.time_limit, absl::Milliseconds(1),
                "A run alive after this is TIMED_OUT");
    run->add_option("--plan", run_.plan,
                    "How runs are perturbed: none, auto (each seed draws one), pct:depth=3, ...");
    CLI::Option* repeat = run->add_option("--repeat", run_.repeat, "Runs per flavor, at most");
    repeat->check(CLI::Range(1, 1000000));
    AddUntil(run, repeat);
    run->add_option("--parallel", run_.parallel, "Runs in flight")->check(CLI::Range(1, 256));
    run->add_option("--host", run_.host, "resident or fresh; default: fresh")
        ->check(CLI::IsMember({"resident", "fresh"}));
    run->add_option("--request-id", run_.request_id, "Makes creating the run idempotent");
    run->add_flag("--quiet,-q", run_.quiet, "No status line");
    run->add_flag("--detach", run_.detach, "Create the runs, print their names, do not wait");
    run->add_flag("--dry-run", run_.dry_run, "Check and complete the request, run nothing");
  }

  void AddUntil(CLI::App* run, CLI::Option* repeat) {
    CLI::Option* rate =
        run->add_option("--rate", run_.rate, "Hits per run that --until-confidence asks about");
    rate->check(CLI::Range(1e-6, 1.0));
    CLI::Option* until =
        run->add_option_function<double>(
               "--until-confidence",
               [this, repeat](double confidence) {
                 run_.until_confidence = confidence;
                 if (repeat->count() == 0) run_.repeat = kUntilRunMax;
               },
               "Repeat until --rate is excluded or established so surely, e.g. 0.99")
            ->check(CLI::Range(0.5, 0.999999))
            ->needs(rate);
    rate->needs(until);
  }

  void AddRepro() {
    CLI::App* repro = Leaf(&app_, "repro", "Run a finding again and count how often it shows",
                           [this](Session& session) { return ReproduceFinding(session, repro_); });
    repro->add_option("FINDING", repro_.finding, "Its name or number")->required();
    repro->add_option("--times", repro_.times, "Runs")->check(CLI::Range(1, 1000000));
    repro->add_option("--parallel", repro_.parallel, "Runs in flight")->check(CLI::Range(1, 256));
    CLI::Option* minimise =
        repro->add_flag("--minimise", repro_.minimise, "Lower the parameters as long as it shows");
    repro->add_option("--floor", repro_.floor, "Hits per run that must stay, default 0.5")
        ->check(CLI::Range(1e-6, 1.0))
        ->needs(minimise);
    repro->add_flag("--quiet,-q", repro_.quiet, "No status line");
  }

  void AddSeed(CLI::App* run) {
    run->add_option_function<std::string>(
           "--seed",
           [this](const std::string& text) {
             uint64_t seed = 0;
             if (!absl::SimpleAtoi(text, &seed)) {
               throw CLI::ValidationError(
                   "--seed",
                   absl::StrCat("'", text, "' is not a whole number in [0, 18446744073709551615]"));
             }
             run_.seed = seed;
           },
           "Seed of the first run; further ones count up")
        ->type_name("UINT64");
  }

  void AddFilters(CLI::App* list) {
    list->add_option("--limit", list_.limit, "Most rows, 0 for all")
        ->check(CLI::Range(0, std::numeric_limits<int32_t>::max()));
    list->add_option("--scenario", list_.scenario, "Only of this scenario");
    list->add_option("--flavor", list_.flavor, "Only in this flavor");
  }

  void AddRuns() {
    CLI::App* group = Group("runs", "Runs that exist");
    CLI::App* list = Leaf(group, "list", "List runs, newest first",
                          [this](Session& session) { return ListRuns(session, list_); });
    AddFilters(list);
    list->add_option("--state", list_.state, "queued, running or finished");
    list->add_option("--verdict", list_.verdict, "Only with this verdict");
    list->add_option("--soak", list_.soak, "Only of this soak");
    NameLeaf(group, "get", "Show a run with all its texts", "RUN", &GetRun);
    NameLeaf(group, "watch", "Follow a run to its end; exits as `run` does", "RUN", &WatchRun);
    NameLeaf(group, "cancel", "Ask a run to end", "RUN", &CancelRun);
  }

  void AddLiveFlags(CLI::App* command) {
    command->add_option("--flavor", live_.flavors, "Resident hosts of these flavors")
        ->delimiter(',')
        ->allow_extra_args(false);
    command->add_flag("--watch,-w", live_.watch, "Show a sample every interval");
    AddDuration(command, "--interval", &live_.interval, absl::Milliseconds(100),
                "Between two samples, default 1s");
    command->add_option("--samples", live_.sample_count, "End after so many samples")
        ->check(CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max()));
    command->add_flag("--per-thread", live_.per_thread, "Each interpreter and thread apart");
  }

  void AddLive() {
    AddLiveFlags(Leaf(&app_, "counters", "Event counters of the hosts, live",
                      [this](Session& session) { return ShowCounters(session, live_); }));
    CLI::App* references =
        Leaf(&app_, "references", "Reference totals of the hosts by type, live",
             [this](Session& session) { return ShowReferences(session, live_); });
    AddLiveFlags(references);
    references->add_flag("--exact", live_.exact, "What is alive, in a stop of the world");
  }

  void AddFindings() {
    CLI::App* group = Group("findings", "Deduplicated problems");
    AddFilters(Leaf(group, "list", "List findings, the last seen first",
                    [this](Session& session) { return ListFindings(session, list_); }));
    NameLeaf(group, "get", "Show a finding with its report", "FINDING", &GetFinding);
  }

  void AddSoak() {
    CLI::App* group = Group("soak", "Long schedules of runs");
    Leaf(group, "list", "List soaks, newest first",
         [this](Session& session) { return ListSoaks(session, list_.limit); })
        ->add_option("--limit", list_.limit, "Most rows, 0 for all")
        ->check(CLI::Range(0, std::numeric_limits<int32_t>::max()));
    NameLeaf(group, "start", "Start a soak from a plan (text proto; - for stdin)", "FILE",
             &StartSoak);
    NameLeaf(group, "stop", "Stop a soak", "SOAK", &StopSoak);
    NameLeaf(group, "status", "Show a soak and its tallies", "SOAK", &SoakStatus);
  }

  void AddStatus() {
    CLI::App* status = Leaf(&app_, "status", "The daemon, its hosts and limits",
                            [this](Session& session) { return ShowStatus(session, wait_); });
    AddDuration(status, "--wait", &wait_, absl::ZeroDuration(),
                "Wait so long for the daemon to become reachable");
  }

  CLI::App app_;
  Command command_;
  std::string address_;
  OutputFormat format_ = OutputFormat::kTable;
  absl::Duration timeout_ = absl::Seconds(30);
  std::string name_;
  RunOptions run_;
  ReproOptions repro_;
  ListOptions list_;
  LiveOptions live_;
  absl::Duration wait_ = absl::ZeroDuration();
};

}  // namespace

int ExecuteCommandLine(int argc, const char* const* argv) {
  return CommandLine().Execute(argc, argv);
}

}  // namespace stressd::client
