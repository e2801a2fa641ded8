#include "stressd/host/crash_handler.h"

#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "absl/debugging/symbolize.h"

namespace stressd::host {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
constexpr int kMaxFrames = 64;
// Enough for the handler's own frames and buffers.
constexpr size_t kStackBytes = 64 * 1024;

// Where the program's own code lies: set once, before threads.
struct Program {
  uintptr_t base = 0;
  uintptr_t begin = 0;
  uintptr_t end = 0;
  char path[512] = {};
};

protocol::BlackBoxWriter* g_writer = nullptr;
Program g_program;
std::atomic<bool> g_crashing{false};
// For the main thread; threads made under a sanitizer get one from it.
alignas(64) unsigned char g_stack[kStackBytes];

int FindProgram(dl_phdr_info* info, size_t, void*) {
  g_program.base = info->dlpi_addr;
  g_program.begin = UINTPTR_MAX;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
    const uintptr_t end = begin + segment.p_memsz;
    if (begin < g_program.begin) g_program.begin = begin;
    if (end > g_program.end) g_program.end = end;
  }
  return 1;  // The program itself comes first.
}

void Print(const char* buffer, int length, size_t capacity) {
  if (length <= 0) return;
  const size_t bytes =
      static_cast<size_t>(length) < capacity ? static_cast<size_t>(length) : capacity - 1;
  // Nothing to do where stderr is gone.
  (void)!::write(STDERR_FILENO, buffer, bytes);
}

// As in "    #3 0x55… in rt::Decref(rt::Object*) (/path/host+0x1234)".
void PrintFrame(int index, void* address) {
  // A return address points behind its call, which may be the next function.
  char* lookup = static_cast<char*>(address) - (index == 0 ? 0 : 1);
  char symbol[512];
  if (!absl::Symbolize(lookup, symbol, sizeof(symbol))) {
    std::strcpy(symbol, "??");
  }
  const uintptr_t value = reinterpret_cast<uintptr_t>(address);
  char line[1400];
  int length = 0;
  if (value >= g_program.begin && value < g_program.end) {
    length = std::snprintf(line, sizeof(line), "    #%d %p in %s (%s+0x%zx)\n", index, address,
                           symbol, g_program.path, static_cast<size_t>(value - g_program.base));
  } else {
    length = std::snprintf(line, sizeof(line), "    #%d %p in %s\n", index, address, symbol);
  }
  Print(line, length, sizeof(line));
}

void PrintStack(const ucontext_t& context) {
  void* frames[kMaxFrames];
  const int count = ::backtrace(frames, kMaxFrames);
  // Skip the handler's own frames: start where the signal struck.
  const auto struck = reinterpret_cast<void*>(context.uc_mcontext.gregs[REG_RIP]);
  int first = 0;
  while (first < count && frames[first] != struck) ++first;
  if (first == count) {
    // A jump to nowhere has no frame of its own.
    PrintFrame(0, struck);
    for (int i = 0; i < count; ++i) PrintFrame(i + 1, frames[i]);
    return;
  }
  for (int i = first; i < count; ++i) PrintFrame(i - first, frames[i]);
}

void HandleCrash(int signal, siginfo_t* info, void* context) {
  // relaxed: it only elects the first.
  if (!g_crashing.exchange(true, std::memory_order_relaxed)) {
    // abort() and raise() name no address.
    const uint64_t address = info->si_code > 0 ? reinterpret_cast<uint64_t>(info->si_addr) : 0;
    if (g_writer != nullptr) g_writer->RecordCrash(signal, address);
    char line[160];
    const int length = std::snprintf(
        line, sizeof(line), "stressd: process %d dies of signal %d (SIG%s), address 0x%llx\n",
        static_cast<int>(::getpid()), signal, ::sigabbrev_np(signal),
        static_cast<unsigned long long>(address));
    Print(line, length, sizeof(line));
    PrintStack(*static_cast<ucontext_t*>(context));
  }
  // Blocked while this handler runs; strikes when it returns.
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  ::raise(signal);
}

}  // namespace

void InstallCrashHandler(protocol::BlackBoxWriter* writer) {
  g_writer = writer;
  dl_iterate_phdr(&FindProgram, nullptr);
  const ssize_t length = ::readlink("/proc/self/exe", g_program.path, sizeof(g_program.path) - 1);
  g_program.path[length > 0 ? length : 0] = '\0';
  absl::InitializeSymbolizer(g_program.path);
  // The first call loads the unwinder, which a signal handler must not.
  void* frames[2];
  (void)::backtrace(frames, 2);
  stack_t stack = {};
  stack.ss_sp = g_stack;
  stack.ss_size = sizeof(g_stack);
  ::sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = &HandleCrash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (int signal : kSignals) ::sigaction(signal, &action, nullptr);
}

}  // namespace stressd::host
