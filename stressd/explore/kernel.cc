#include "stressd/explore/kernel.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "stressd/explore/engine.h"
#include "stressd/explore/fork_server.h"
#include "stressd/explore/strategies/prefix.h"

namespace explore {
namespace {

constexpr int kMaxKernelThreads = 16;

const explore_kernel* g_kernel = nullptr;
void* g_jump[5];

void* KernelThread(void* index) {
  g_kernel->thread(static_cast<int>(reinterpret_cast<intptr_t>(index)));
  return nullptr;
}

// One schedule. Leaves by a long jump when there is a finding.
void RunSchedule(uint32_t run) {
  Engine& engine = g_engine;
  engine.Begin(run, /*reset=*/true);
  engine.set_scheduling(false);
  if (g_kernel->set_up != nullptr) g_kernel->set_up();
  for (int i = 0; i < g_kernel->thread_count; ++i) {
    engine.Create(&KernelThread, reinterpret_cast<void*>(static_cast<intptr_t>(i)), 0);
  }
  engine.set_scheduling(true);
  engine.Wait(WaitKind::kAllEnded, nullptr);
  for (uint32_t i = 1; i < engine.thread_count(); ++i) {
    engine.detector().Acquire(*engine.current(), engine.thread(i).clock);
  }
  engine.NoteJoined();
  engine.set_scheduling(false);
  const char* wrong = g_kernel->check != nullptr ? g_kernel->check() : nullptr;
  engine.set_scheduling(true);
  if (wrong != nullptr) engine.Report(Verdict::kCheck, 0, "%s", wrong);
  engine.End();
}

__attribute__((noinline)) void RunOne(uint32_t run) {
  if (__builtin_setjmp(g_jump) == 0) RunSchedule(run);
}

void RunBatch() {
  Exchange* exchange = g_engine.exchange();
  g_engine.set_abandon_to(g_jump);
  for (uint32_t run = 0; run < exchange->request.batch_count; ++run) {
    if (!NextPrefix(exchange, run)) return;
    RunOne(run);
    g_engine.set_scheduling(true);
    exchange->result.runs_done = run + 1;
    g_engine.heap().Empty();
    if (exchange->result.verdict != Verdict::kPassed) return;
  }
}

}  // namespace
}  // namespace explore

extern "C" {

void explore_fail(const char* message) {
  explore::Engine& engine = explore::g_engine;
  engine.AddStack("failed here", engine.StackOf(*engine.current()), EXPLORE_CALLER_PC());
  engine.Report(explore::Verdict::kCheck, 0, "%s", message);
}

int explore_kernel_main(int argc, char** argv, const explore_kernel* kernels, int kernel_count) {
  const char* name = argc > 1 ? argv[1] : "";
  for (int i = 0; i < kernel_count; ++i) {
    if (strcmp(name, "--list") == 0) printf("%-28s %s\n", kernels[i].name, kernels[i].summary);
    if (strcmp(name, kernels[i].name) != 0) continue;
    if (kernels[i].thread_count < 1 || kernels[i].thread_count > explore::kMaxKernelThreads) {
      fprintf(stderr, "kernel %s: thread_count is %d, must be 1 to %d\n", name,
              kernels[i].thread_count, explore::kMaxKernelThreads);
      return 2;
    }
    explore::g_engine.Init();
    if (!explore::HasDriver()) {
      fprintf(stderr, "run me as: stress-explore -- %s %s\n", argv[0], name);
      return 2;
    }
    explore::g_kernel = &kernels[i];
    explore::g_engine.contexts().Reserve(static_cast<uint32_t>(kernels[i].thread_count));
    explore::ServeBatches(&explore::RunBatch);
  }
  if (strcmp(name, "--list") == 0) return 0;
  fprintf(stderr, "no kernel '%s'; --list names them\n", name);
  return 2;
}

}  // extern "C"
