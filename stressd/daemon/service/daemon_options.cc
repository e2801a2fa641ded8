#include "stressd/daemon/service/daemon_options.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "stressd/protocol/build_id.h"

namespace stressd::service {
namespace {

constexpr int kExitUsage = 2;

std::string DefaultStateDir() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return absl::StrCat(state, "/stressd");
  const char* home = std::getenv("HOME");
  return absl::StrCat(home != nullptr ? home : "", "/.local/state/stressd");
}

// Adds a flag for a duration in [minimum, maximum].
void AddDuration(CLI::App& app, const std::string& name, absl::Duration& value,
                 absl::Duration minimum, absl::Duration maximum, const std::string& text) {
  app.add_option_function<std::string>(
         name,
         [&value, name, minimum, maximum](const std::string& given) {
           if (!absl::ParseDuration(given, &value) || value < minimum || value > maximum) {
             throw CLI::ValidationError(
                 name, absl::StrCat("\"", given, "\" is not allowed; allowed: a duration from ",
                                    absl::FormatDuration(minimum), " to ",
                                    absl::FormatDuration(maximum)));
           }
         },
         text)
      ->type_name("DURATION")
      ->default_str(absl::FormatDuration(value));
}

void AddLimits(CLI::App& app, runs::Limits& limits) {
  const std::string group = "Limits";
  app.add_option("--fresh-runs-max", limits.fresh_run_count_max, "Fresh runs at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group(group);
  app.add_option("--queued-runs-max", limits.queued_run_count_max, "Runs waiting")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->group(group);
  app.add_option("--threads-max", limits.thread_count_max, "Threads of a run")
      ->check(CLI::Range(int64_t{1}, int64_t{65536}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--operations-max", limits.operation_count_max, "Operations of a run")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 60))
      ->capture_default_str()
      ->group(group);
  app.add_option("--memory-max", limits.rss_bytes_max, "Memory of a host, in bytes or as 2GiB")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(int64_t{16} << 20, int64_t{1} << 50))
      ->capture_default_str()
      ->group(group);
  app.add_option("--active-soaks-max", limits.active_soak_count_max, "Soaks at once")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->group(group);
  AddDuration(app, "--duration-max", limits.duration_max, absl::Seconds(1), absl::Hours(24 * 365),
              "Duration that a run may ask for");
  AddDuration(app, "--time-limit-max", limits.time_limit_max, absl::Seconds(1),
              absl::Hours(24 * 365), "Time limit that a run may ask for");
  AddDuration(app, "--heartbeat-deadline", limits.heartbeat_deadline, absl::Milliseconds(100),
              absl::Hours(1), "A host without a heartbeat for this long is hung");
}

void AddOptions(CLI::App& app, DaemonOptions& options) {
  app.add_option("--state-dir", options.state_dir, "Folder of the store; made if missing")
      ->envname("STRESSD_STATE_DIR")
      ->default_str(options.state_dir);
  app.add_option_function<std::vector<std::string>>(
         "--listen",
         [&options](const std::vector<std::string>& given) {
           options.listen.clear();
           for (const std::string& text : given) {
             auto address = ListenAddress::Parse(text);
             if (!address.ok()) {
               throw CLI::ValidationError("--listen", std::string(address.status().message()));
             }
             options.listen.push_back(*std::move(address));
           }
         },
         "Address, repeatable: unix:/PATH, 127.0.0.1:PORT or [::1]:PORT; port 0 takes a free one "
         "and prints it [stressd/stressd.sock in $XDG_RUNTIME_DIR, for root in /run, else "
         "STATE_DIR/stressd.sock]")
      ->envname("STRESSD_LISTEN")
      ->type_name("ADDRESS")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--host-dir", options.host_dir,
                 "Folder with stress_host_plain and its siblings [beside this program]");
  app.add_option("--soak", options.soak_files,
                 "Start this soak, or go on with it: a text format SoakPlan; repeatable")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::ExistingFile);
  app.add_option("--log-level", options.log_level, "Least level that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  AddDuration(app, "--keep-for", options.retention.age_max, absl::Minutes(1),
              absl::Hours(24 * 3650), "Age after which results are deleted");
  app.add_option("--store-max", options.retention.store_bytes_max,
                 "Size of the store, in bytes or as 512MiB; the oldest results go first")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(int64_t{1} << 20, int64_t{1} << 50))
      ->capture_default_str();
  AddLimits(app, options.limits);
}

}  // namespace

DaemonOptions ParseDaemonOptions(int argc, char** argv, std::optional<int>& exit_code) {
  DaemonOptions options;
  options.state_dir = DefaultStateDir();
  CLI::App app("stressd executes stress runs of the runtime core and serves them over gRPC.");
  app.set_version_flag("--version",
                       absl::StrCat("stressd ", kVersion, " build ", protocol::OwnBuildId()));
  AddOptions(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11's own codes start above 100; ours are few.
    exit_code = app.exit(error, std::cout, std::cerr) == 0 ? 0 : kExitUsage;
  }
  return options;
}

}  // namespace stressd::service
