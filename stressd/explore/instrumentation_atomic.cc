// The entry points that clang's -fsanitize=thread emits for atomic operations.
//
// One thread runs at a time, so the operations themselves are plain ones; what
// makes them atomic is that no decision falls between their parts.
#include <string.h>

#include "stressd/explore/engine.h"

using explore::g_engine;
using explore::OperationKind;

namespace {

template <typename T>
T Load(const volatile T* address, int order, uintptr_t pc) {
  const uintptr_t at = explore::Address(address);
  g_engine.Access(OperationKind::kAtomicLoad, at, sizeof(T), order, pc);
  const T value = *address;
  if (g_engine.judging()) {
    g_engine.detector().AtomicLoad(*g_engine.current(), at, order);
    g_engine.NoteRead(at, sizeof(T), pc);
  }
  return value;
}

template <typename T>
void Store(volatile T* address, T value, int order, uintptr_t pc) {
  const uintptr_t at = explore::Address(address);
  g_engine.Access(OperationKind::kAtomicStore, at, sizeof(T), order, pc);
  if (!g_engine.judging()) {
    *address = value;
    return;
  }
  explore::Thread& thread = *g_engine.current();
  if (g_engine.buffering() && order != explore::kSeqCst) {
    g_engine.BufferedAtomicStore(at, sizeof(T), order, &value, pc);
    return;
  }
  g_engine.DrainAll(thread);
  *address = value;
  explore::VectorClock release;
  g_engine.detector().StoreClock(thread, order, release);
  g_engine.detector().Publish(at, release);
}

// A read-modify-write: `change` turns the old value into the new one.
template <typename T, typename Change>
T Update(volatile T* address, int order, uintptr_t pc, Change change) {
  const uintptr_t at = explore::Address(address);
  g_engine.Access(OperationKind::kAtomicUpdate, at, sizeof(T), order, pc);
  if (g_engine.judging()) {
    g_engine.DrainAll(*g_engine.current());
    g_engine.detector().AtomicUpdate(*g_engine.current(), at, order);
  }
  const T old = *address;
  *address = change(old);
  return old;
}

template <typename T>
T CompareExchange(volatile T* address, T expected, T desired, int order, int failure_order,
                  uintptr_t pc) {
  const uintptr_t at = explore::Address(address);
  const bool quick = g_engine.running() && g_engine.PassQuickly(at, sizeof(T));
  // Announced before it is known whether it will store.
  if (g_engine.running() && !quick) {
    g_engine.Announce(explore::Operation{OperationKind::kAtomicUpdate, sizeof(T),
                                         static_cast<uint8_t>(order), at, pc});
    g_engine.DrainAll(*g_engine.current());
  }
  const T old = *address;
  const bool stores = old == expected;
  if (stores) *address = desired;
  if (!g_engine.running() || quick) return old;
  g_engine.Judge(stores ? OperationKind::kAtomicUpdate : OperationKind::kAtomicLoad, at, sizeof(T),
                 pc);
  if (!g_engine.judging()) return old;
  explore::Thread& thread = *g_engine.current();
  if (stores) {
    g_engine.detector().AtomicUpdate(thread, at, order);
  } else {
    g_engine.detector().AtomicLoad(thread, at, failure_order);
    g_engine.NoteRead(at, sizeof(T), pc);
  }
  return old;
}

}  // namespace

extern "C" {

#define EXPLORE_UPDATE(bits, type, name, expression)                                          \
  type __tsan_atomic##bits##_##name(volatile type* address, type value, int order) {          \
    return Update<type>(address, order, EXPLORE_CALLER_PC(),                                  \
                        [value](type old) -> type { return static_cast<type>(expression); }); \
  }

#define EXPLORE_ATOMIC(bits, type)                                                                 \
  type __tsan_atomic##bits##_load(const volatile type* address, int order) {                       \
    return Load<type>(address, order, EXPLORE_CALLER_PC());                                        \
  }                                                                                                \
  void __tsan_atomic##bits##_store(volatile type* address, type value, int order) {                \
    Store<type>(address, value, order, EXPLORE_CALLER_PC());                                       \
  }                                                                                                \
  EXPLORE_UPDATE(bits, type, exchange, (static_cast<void>(old), value))                            \
  EXPLORE_UPDATE(bits, type, fetch_add, old + value)                                               \
  EXPLORE_UPDATE(bits, type, fetch_sub, old - value)                                               \
  EXPLORE_UPDATE(bits, type, fetch_and, old& value)                                                \
  EXPLORE_UPDATE(bits, type, fetch_or, old | value)                                                \
  EXPLORE_UPDATE(bits, type, fetch_xor, old ^ value)                                               \
  EXPLORE_UPDATE(bits, type, fetch_nand, ~(old & value))                                           \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile type* address, type* expected,        \
                                                    type desired, int order, int failure) {        \
    const type old =                                                                               \
        CompareExchange<type>(address, *expected, desired, order, failure, EXPLORE_CALLER_PC());   \
    if (old == *expected) return 1;                                                                \
    *expected = old;                                                                               \
    return 0;                                                                                      \
  }                                                                                                \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile type* address, type* expected,          \
                                                  type desired, int order, int failure) {          \
    const type old =                                                                               \
        CompareExchange<type>(address, *expected, desired, order, failure, EXPLORE_CALLER_PC());   \
    if (old == *expected) return 1;                                                                \
    *expected = old;                                                                               \
    return 0;                                                                                      \
  }                                                                                                \
  type __tsan_atomic##bits##_compare_exchange_val(volatile type* address, type expected,           \
                                                  type desired, int order, int failure) {          \
    return CompareExchange<type>(address, expected, desired, order, failure, EXPLORE_CALLER_PC()); \
  }

EXPLORE_ATOMIC(8, uint8_t)
EXPLORE_ATOMIC(16, uint16_t)
EXPLORE_ATOMIC(32, uint32_t)
EXPLORE_ATOMIC(64, uint64_t)
EXPLORE_ATOMIC(128, unsigned __int128)

#undef EXPLORE_ATOMIC
#undef EXPLORE_UPDATE

void __tsan_atomic_thread_fence(int order) {
  if (!g_engine.running()) return;
  explore::Thread& thread = *g_engine.current();
  g_engine.Announce(explore::Operation{OperationKind::kFence, 0, static_cast<uint8_t>(order), 0,
                                       EXPLORE_CALLER_PC()});
  if (order == explore::kSeqCst) {
    g_engine.DrainAll(thread);
  } else if (explore::Releases(order) && thread.buffer != nullptr) {
    thread.buffer->Fence();
  }
  if (g_engine.judging()) g_engine.detector().Fence(thread, order);
}

void __tsan_atomic_signal_fence(int) {}

}  // extern "C"
