#include "stressd/explore/crash_handler.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "stressd/explore/array.h"
#include "stressd/explore/engine.h"
#include "stressd/explore/fork_server.h"
#include "stressd/explore/raw_system.h"

namespace explore {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
constexpr size_t kStackBytes = 64 << 10;

char g_message[400];

const char* SignalName(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGILL:
      return "SIGILL";
    case SIGFPE:
      return "SIGFPE";
    case SIGABRT:
      return "SIGABRT";
    case SIGTRAP:
      return "SIGTRAP";
    default:
      return "SIGSYS";
  }
}

void Handle(int signal, siginfo_t* info, void* ucontext) {
  Engine& engine = g_engine;
  const auto& registers = static_cast<ucontext_t*>(ucontext)->uc_mcontext.gregs;
  Result& result = engine.exchange()->result;
  Thread& thread = *engine.current();
  char title[96];
  snprintf(title, sizeof(title), "%s in thread %u", SignalName(signal), thread.id);
  engine.AddStack(title, engine.StackOf(thread), static_cast<uintptr_t>(registers[REG_RIP]));
  result.verdict = Verdict::kCrashed;
  result.status = signal;
  if (g_message[0] != '\0') {
    snprintf(result.message, sizeof(result.message), "%s in thread %u: %s", SignalName(signal),
             thread.id, g_message);
  } else if (signal == SIGSEGV || signal == SIGBUS) {
    snprintf(result.message, sizeof(result.message), "%s at address %p in thread %u",
             SignalName(signal), info->si_addr, thread.id);
  } else {
    snprintf(result.message, sizeof(result.message), "%s in thread %u", SignalName(signal),
             thread.id);
  }
  engine.End();
  LeaveProcess();
}

}  // namespace

void SetCrashMessage(const char* text) { snprintf(g_message, sizeof(g_message), "%s", text); }

void InstallCrashHandler() {
  stack_t stack{};
  stack.ss_sp = MapPages(kStackBytes);
  stack.ss_size = kStackBytes;
  sigaltstack(&stack, nullptr);
  for (const int signal : kSignals) {
    struct sigaction present;
    if (sigaction(signal, nullptr, &present) != 0 || present.sa_handler != SIG_DFL) continue;
    struct sigaction action{};
    action.sa_sigaction = &Handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND;
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace explore
