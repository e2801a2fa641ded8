// Litmus shapes: kernels of a few stores and loads, whose outcomes tell memory models
// apart. What each model allows stands in litmus_test.cc.
//
// An outcome is the values of the shape's registers, a digit each: what the threads
// loaded, or what memory holds at the end. It is printed once by each process that
// meets it. Registers are neither scheduled nor buffered.
// Source.  Alglave, Maranget, Tautschnig, "Herding cats" (2014), for the names; Owens,
// Sarkar, Sewell, "A better x86 memory model: x86-TSO" (2009).
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>

#include "stressd/explore/kernel.h"

namespace {

constexpr int kRegisterCount = 4;
constexpr char kUnset = '-';
constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kSeqCst = std::memory_order_seq_cst;

std::atomic<int> g_x{0};
std::atomic<int> g_y{0};
std::atomic<int> g_z{0};
int g_plain_x = 0;
int g_plain_y = 0;
alignas(8) uint32_t g_halves[2] = {0, 0};
pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
char g_registers[kRegisterCount];
char g_met[32][kRegisterCount];  // Outcomes printed by this process.
int g_met_count = 0;

// Without instrumentation.
__attribute__((no_sanitize("thread"), noinline)) void Note(int index, int value) {
  g_registers[index] = static_cast<char>('0' + value);
}

void SetUp() {
  for (std::atomic<int>* variable : {&g_x, &g_y, &g_z}) variable->store(0, kRelaxed);
  g_plain_x = g_plain_y = 0;
  g_halves[0] = g_halves[1] = 0;
  for (char& value : g_registers) value = kUnset;
}

const char* PrintOutcome() {
  for (int i = 0; i < g_met_count; ++i) {
    bool same = true;
    for (int j = 0; j < kRegisterCount; ++j) same = same && g_met[i][j] == g_registers[j];
    if (same) return nullptr;
  }
  if (g_met_count == 32) return "more outcomes than a shape can have";
  char line[kRegisterCount + 1];
  int length = 0;
  for (int j = 0; j < kRegisterCount; ++j) {
    g_met[g_met_count][j] = g_registers[j];
    if (g_registers[j] != kUnset) line[length++] = g_registers[j];
  }
  ++g_met_count;
  line[length++] = '\n';
  return write(STDOUT_FILENO, line, static_cast<size_t>(length)) == length ? nullptr : "no output";
}

const char* PrintFinals() {
  Note(0, g_x.load(kRelaxed));
  Note(1, g_y.load(kRelaxed));
  return PrintOutcome();
}

// SB with something between the store and the load of each thread.
template <typename Between>
void StoreBuffering(int thread, std::memory_order order, Between between) {
  (thread == 0 ? g_x : g_y).store(1, order);
  between(thread);
  Note(thread, (thread == 0 ? g_y : g_x).load(kRelaxed));
}
void Sb(int thread) {
  StoreBuffering(thread, kRelaxed, [](int) {});
}
void SbRelease(int thread) {
  StoreBuffering(thread, kRelease, [](int) {});
}
void SbSeqCst(int thread) {
  StoreBuffering(thread, kSeqCst, [](int) {});
}
void SbFences(int thread) {
  StoreBuffering(thread, kRelaxed, [](int) { std::atomic_thread_fence(kSeqCst); });
}
void SbOneFence(int thread) {
  StoreBuffering(thread, kRelaxed, [](int me) {
    if (me == 0) std::atomic_thread_fence(kSeqCst);
  });
}
void SbWeakFences(int thread) {
  StoreBuffering(thread, kRelaxed,
                 [](int) { std::atomic_thread_fence(std::memory_order_acq_rel); });
}
void SbUpdates(int thread) {
  StoreBuffering(thread, kRelaxed, [](int) { g_z.fetch_add(1, kRelaxed); });
}
void SbExchanges(int thread) {
  (thread == 0 ? g_x : g_y).exchange(1, kRelaxed);
  Note(thread, (thread == 0 ? g_y : g_x).load(kRelaxed));
}
void SbFailedExchanges(int thread) {
  StoreBuffering(thread, kRelaxed, [](int) {
    int never = 7;
    (void)g_z.compare_exchange_strong(never, 8, kRelaxed);
  });
}
void SbLocks(int thread) {
  StoreBuffering(thread, kRelaxed, [](int) {
    pthread_mutex_lock(&g_mutex);
    pthread_mutex_unlock(&g_mutex);
  });
}
void SbPlain(int thread) {
  (thread == 0 ? g_plain_x : g_plain_y) = 1;
  Note(thread, thread == 0 ? g_plain_y : g_plain_x);
}
// Each thread sees its own store before anybody else does.
void SbForwarding(int thread) {
  (thread == 0 ? g_x : g_y).store(1, kRelaxed);
  Note(thread * 2, (thread == 0 ? g_x : g_y).load(kRelaxed));
  Note(thread * 2 + 1, (thread == 0 ? g_y : g_x).load(kRelaxed));
}
void SbForwardingPlain(int thread) {
  int* const mine = thread == 0 ? &g_plain_x : &g_plain_y;
  *mine = 1;
  std::atomic_signal_fence(kSeqCst);  // The compiler shall load it again.
  Note(thread * 2, *static_cast<volatile int*>(mine));
  Note(thread * 2 + 1, thread == 0 ? g_plain_y : g_plain_x);
}

// MP: a message, and the flag that says it is there.
template <typename Between>
void MessagePassing(int thread, std::memory_order order, Between between) {
  if (thread == 0) {
    g_x.store(1, kRelaxed);
    between();
    g_y.store(1, order);
  } else {
    Note(0, g_y.load(std::memory_order_acquire));
    Note(1, g_x.load(kRelaxed));
  }
}
void Mp(int thread) {
  MessagePassing(thread, kRelaxed, [] {});
}
void MpRelease(int thread) {
  MessagePassing(thread, kRelease, [] {});
}
void MpFence(int thread) {
  MessagePassing(thread, kRelaxed, [] { std::atomic_thread_fence(kRelease); });
}
void MpPlain(int thread) {
  if (thread == 0) {
    g_plain_x = 1;
    g_plain_y = 1;
  } else {
    Note(0, g_plain_y);
    Note(1, g_plain_x);
  }
}
// The message after the flag of a release store: nothing orders that.
void MpReleaseFirst(int thread) {
  if (thread == 0) {
    g_y.store(1, kRelease);
    g_x.store(1, kRelaxed);
  } else {
    Note(0, g_x.load(std::memory_order_acquire));
    Note(1, g_y.load(kRelaxed));
  }
}

// LB: no load sees a store that comes after it.
void Lb(int thread) {
  Note(thread, (thread == 0 ? g_x : g_y).load(kRelaxed));
  (thread == 0 ? g_y : g_x).store(1, kRelaxed);
}

// CoRR: two stores to one variable are seen in their order.
void CoRr(int thread) {
  if (thread == 0) {
    g_x.store(1, kRelaxed);
    g_x.store(2, kRelaxed);
  } else {
    Note(0, g_x.load(kRelaxed));
    Note(1, g_x.load(kRelaxed));
  }
}
// No store is seen, then hidden by another one, and then seen again; whatever drains
// meanwhile.
void CoRwr(int thread) {
  if (thread == 0) {
    g_x.store(1, kRelaxed);
  } else {
    g_z.store(1, kRelaxed);
    Note(0, g_x.load(kRelaxed));
    g_x.store(2, kRelaxed);
    Note(1, g_x.load(kRelaxed));
  }
}
// The second store changes half of what the first one wrote.
void CoHalves(int thread) {
  if (thread == 0) {
    __atomic_store_n(reinterpret_cast<uint64_t*>(g_halves), (uint64_t{1} << 32) | 1,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&g_halves[1], 2, __ATOMIC_RELAXED);
    const uint64_t own =
        __atomic_load_n(reinterpret_cast<const uint64_t*>(g_halves), __ATOMIC_RELAXED);
    Note(0, static_cast<int>(own & 15));
    Note(1, static_cast<int>(own >> 32));
  } else {
    Note(2, static_cast<int>(__atomic_load_n(&g_halves[0], __ATOMIC_RELAXED)));
    Note(3, static_cast<int>(__atomic_load_n(&g_halves[1], __ATOMIC_RELAXED)));
  }
}

const char* PrintHalves() {
  return g_halves[1] == 2 ? PrintOutcome() : "a store passed one to the same bytes";
}

// 2+2W and R: which store is the last one.
void TwoPlusTwoW(int thread) {
  (thread == 0 ? g_x : g_y).store(1, kRelaxed);
  (thread == 0 ? g_y : g_x).store(2, kRelaxed);
}
void R(int thread) {
  if (thread == 0) {
    g_x.store(1, kRelaxed);
    g_y.store(1, kRelaxed);
  } else {
    g_y.store(2, kRelaxed);
    Note(0, g_x.load(kRelaxed));
  }
}
const char* PrintY() {
  Note(1, g_y.load(kRelaxed));
  return PrintOutcome();
}

// Who reads another thread's store over its own knows that its own is in memory, and so is
// what it stored before.
void RForwarding(int thread) {
  if (thread == 0) {
    g_y.store(1, kRelaxed);
    g_x.store(1, kRelaxed);
    Note(0, g_x.load(kRelaxed));
  } else {
    g_x.store(2, kRelaxed);
    std::atomic_thread_fence(kSeqCst);
    Note(1, g_y.load(kRelaxed));
  }
}

// WRC and IRIW: a store that one thread has seen is seen by all.
void Wrc(int thread) {
  if (thread == 0) {
    g_x.store(1, kRelaxed);
  } else if (thread == 1) {
    Note(0, g_x.load(kRelaxed));
    g_y.store(1, kRelease);
  } else {
    Note(1, g_y.load(std::memory_order_acquire));
    Note(2, g_x.load(kRelaxed));
  }
}
void Iriw(int thread) {
  if (thread < 2) {
    (thread == 0 ? g_x : g_y).store(1, kRelaxed);
  } else {
    const int first = (thread - 2) * 2;
    Note(first, (thread == 2 ? g_x : g_y).load(std::memory_order_acquire));
    Note(first + 1, (thread == 2 ? g_y : g_x).load(std::memory_order_acquire));
  }
}

const explore_kernel kShapes[] = {
    {"SB", "x=1 r0=y | y=1 r1=x", 2, SetUp, Sb, PrintOutcome},
    {"SB+rel", "its stores release", 2, SetUp, SbRelease, PrintOutcome},
    {"SB+sc", "its stores are seq_cst", 2, SetUp, SbSeqCst, PrintOutcome},
    {"SB+fences", "a seq_cst fence in each thread", 2, SetUp, SbFences, PrintOutcome},
    {"SB+fence", "a seq_cst fence in the first thread", 2, SetUp, SbOneFence, PrintOutcome},
    {"SB+weak-fences", "an acq_rel fence in each thread", 2, SetUp, SbWeakFences, PrintOutcome},
    {"SB+rmws", "a locked operation between", 2, SetUp, SbUpdates, PrintOutcome},
    {"SB+xchgs", "locked operations that store", 2, SetUp, SbExchanges, PrintOutcome},
    {"SB+failed", "a compare-exchange between, which fails", 2, SetUp, SbFailedExchanges,
     PrintOutcome},
    {"SB+locks", "a mutex locked and unlocked between", 2, SetUp, SbLocks, PrintOutcome},
    {"SB+plain", "without atomics", 2, SetUp, SbPlain, PrintOutcome},
    {"SB+rfi", "x=1 r0=x r1=y | y=1 r2=y r3=x", 2, SetUp, SbForwarding, PrintOutcome},
    {"SB+rfi-plain", "without atomics", 2, SetUp, SbForwardingPlain, PrintOutcome},
    {"MP", "x=1 y=1 | r0=y r1=x", 2, SetUp, Mp, PrintOutcome},
    {"MP+rel", "its second store releases", 2, SetUp, MpRelease, PrintOutcome},
    {"MP+fence", "a release fence between its stores", 2, SetUp, MpFence, PrintOutcome},
    {"MP+rel-first", "y=1 releases, x=1 | r0=x r1=y", 2, SetUp, MpReleaseFirst, PrintOutcome},
    {"MP+plain", "without atomics", 2, SetUp, MpPlain, PrintOutcome},
    {"LB", "r0=x y=1 | r1=y x=1", 2, SetUp, Lb, PrintOutcome},
    {"CoRR", "x=1 x=2 | r0=x r1=x", 2, SetUp, CoRr, PrintOutcome},
    {"CoRWR", "x=1 | z=1 r0=x x=2 r1=x", 2, SetUp, CoRwr, PrintOutcome},
    {"CoHalves", "w=11 w.high=2 r0=w.low r1=w.high | r2=w.low r3=w.high", 2, SetUp, CoHalves,
     PrintHalves},
    {"2+2W", "x=1 y=2 | y=1 x=2, x and y at the end", 2, SetUp, TwoPlusTwoW, PrintFinals},
    {"R", "x=1 y=1 | y=2 r0=x, y at the end", 2, SetUp, R, PrintY},
    {"R+rfi", "y=1 x=1 r0=x | x=2 fence r1=y", 2, SetUp, RForwarding, PrintOutcome},
    {"WRC", "x=1 | r0=x y=1 | r1=y r2=x", 3, SetUp, Wrc, PrintOutcome},
    {"IRIW", "x=1 | y=1 | r0=x r1=y | r2=y r3=x", 4, SetUp, Iriw, PrintOutcome},
};

}  // namespace

int main(int argc, char** argv) {
  return explore_kernel_main(argc, argv, kShapes, sizeof(kShapes) / sizeof(kShapes[0]));
}
