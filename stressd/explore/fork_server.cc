#include "stressd/explore/fork_server.h"

#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stressd/explore/array.h"
#include "stressd/explore/crash_handler.h"
#include "stressd/explore/engine.h"
#include "stressd/explore/raw_system.h"
#include "stressd/explore/strategies/prefix.h"

namespace explore {
namespace {

// Contexts made before the fork, so that children need not make any: enough
// for most programs, and reserving one costs 80 us once.
constexpr uint32_t kReservedContexts = 8;
constexpr uint64_t kDefaultMaxSteps = 1000000;

struct Server {
  bool has_driver;
  bool passed;  // The fork point.
  int commands;
  int answers;
  int output;
  pid_t pid;  // Of the server: children differ.
};
constinit Server g_server{};

uint64_t Environment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text == nullptr ? otherwise : strtoull(text, nullptr, 0);
}

void Answer() {
  const char byte = 'd';
  RawSystemCall(SYS_write, g_server.answers, reinterpret_cast<long>(&byte), 1);
}

// Waits for the next request; ends the server when there is none.
void AwaitCommand() {
  char byte;
  const long got = RawSystemCall(SYS_read, g_server.commands, reinterpret_cast<long>(&byte), 1);
  if (got != 1 || g_engine.exchange()->request.quit != 0) RawSystemCall(SYS_exit_group, 0);
}

// Forks. Returns true in the child.
bool ForkChild(Exchange* exchange) {
  if (lseek(g_server.output, 0, SEEK_END) > 0 && ftruncate(g_server.output, 0) != 0) {
    Die("stress-explore: cannot empty the program's output");
  }
  exchange->result.verdict = Verdict::kPassed;
  exchange->result.message[0] = '\0';
  exchange->result.stack_count = 0;
  const long pid = RawSystemCall(SYS_clone, SIGCHLD);
  if (pid < 0) Die("stress-explore: cannot fork: error %ld", -pid);
  if (pid == 0) {
    RawSystemCall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
    return true;
  }
  exchange->result.child_pid = static_cast<int32_t>(pid);
  int status = 0;
  while (RawSystemCall(SYS_wait4, pid, reinterpret_cast<long>(&status), 0, 0) < 0) {
  }
  exchange->result.child_pid = 0;
  Result& result = exchange->result;
  if (WIFSIGNALED(status)) {
    // Only the driver sends this one, at the end of the time limit.
    result.verdict = WTERMSIG(status) == SIGKILL ? Verdict::kHung : Verdict::kCrashed;
    result.status = WTERMSIG(status);
  } else if (WEXITSTATUS(status) != 0 && result.verdict == Verdict::kPassed) {
    result.verdict = Verdict::kExited;
    result.status = WEXITSTATUS(status);
    snprintf(result.message, sizeof(result.message), "exit status %d", WEXITSTATUS(status));
  }
  return false;
}

void BecomeServer() {
  g_server.pid = static_cast<pid_t>(RawSystemCall(SYS_getpid));
  fflush(nullptr);
  InstallCrashHandler();
  g_engine.contexts().Reserve(kReservedContexts);
  g_engine.exchange()->ready = 1;
  Answer();
}

}  // namespace

bool HasDriver() { return g_server.has_driver; }

Exchange* AttachExchange() {
  const char* descriptors = getenv(kDescriptorsVariable);
  int exchange_fd = -1;
  if (descriptors != nullptr && sscanf(descriptors, "%d,%d,%d,%d", &exchange_fd, &g_server.commands,
                                       &g_server.answers, &g_server.output) == 4) {
    const long address = RawSystemCall(SYS_mmap, 0, sizeof(Exchange), PROT_READ | PROT_WRITE,
                                       MAP_SHARED, exchange_fd, 0);
    if (address < 0) Die("stress-explore: cannot map the exchange: error %ld", -address);
    Exchange* exchange = reinterpret_cast<Exchange*>(address);
    if (exchange->magic != kMagic || exchange->version != kVersion) {
      Die("stress-explore: the program speaks version %u, the driver %u", kVersion,
          exchange->version);
    }
    g_server.has_driver = true;
    // Programs that this one starts are not under control.
    unsetenv(kDescriptorsVariable);
    return exchange;
  }
  Exchange* exchange = static_cast<Exchange*>(MapPages(sizeof(Exchange)));
  exchange->request.batch_count = 1;
  exchange->request.seeds[0] = Environment("STRESS_EXPLORE_SEED", 1);
  exchange->request.strategy = StrategyKind::kRandomWalk;
  exchange->request.detect_races = 1;
  exchange->request.max_steps = kDefaultMaxSteps;
  return exchange;
}

uint64_t ImageBase() {
  static uint64_t base = 0;
  static bool known = false;
  if (!known) {
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* out) {
          *static_cast<uint64_t*>(out) = info->dlpi_addr;
          return 1;  // The first is the program itself.
        },
        &base);
    known = true;
  }
  return base;
}

void PassForkPoint() {
  if (g_server.passed) return;
  g_server.passed = true;
  if (!g_server.has_driver) {
    InstallCrashHandler();
    g_engine.Begin(0, /*reset=*/false);
    return;
  }
  BecomeServer();
  Exchange* exchange = g_engine.exchange();
  while (true) {
    AwaitCommand();
    exchange->result.runs_done = 0;
    exchange->result.asked_parts = 0;
    for (uint32_t run = 0; run < exchange->request.batch_count; ++run) {
      if (!NextPrefix(exchange, run)) break;
      if (ForkChild(exchange)) {
        g_engine.Begin(run, /*reset=*/false);
        return;
      }
      exchange->result.runs_done = run + 1;
      // Make the next child's contexts beforehand.
      if (exchange->result.thread_count > g_engine.contexts().size()) {
        g_engine.contexts().Reserve(exchange->result.thread_count - 1);
      }
      if (exchange->result.verdict != Verdict::kPassed) break;
    }
    Answer();
  }
}

void ServeBatches(void (*run_batch)()) {
  g_server.passed = true;
  BecomeServer();
  g_engine.exchange()->in_process = 1;
  while (true) {
    AwaitCommand();
    g_engine.exchange()->result.runs_done = 0;
    g_engine.exchange()->result.asked_parts = 0;
    if (ForkChild(g_engine.exchange())) {
      run_batch();
      RawSystemCall(SYS_exit_group, 0);
    }
    Result& result = g_engine.exchange()->result;
    // A child that died did so in the run after the last one it finished.
    if (result.verdict == Verdict::kCrashed || result.verdict == Verdict::kHung ||
        result.verdict == Verdict::kExited) {
      ++result.runs_done;
    }
    Answer();
  }
}

void LeaveProcess() {
  if (!g_server.has_driver) {
    const Result& result = g_engine.exchange()->result;
    char line[1200];
    const int length = snprintf(line, sizeof(line), "stress-explore: %s\n", result.message);
    RawSystemCall(SYS_write, 2, reinterpret_cast<long>(line), length);
  }
  RawSystemCall(SYS_exit_group, kFindingStatus);
  __builtin_unreachable();
}

}  // namespace explore
