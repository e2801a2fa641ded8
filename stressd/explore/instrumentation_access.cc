// The entry points that clang's -fsanitize=thread emits for plain memory and
// for functions: every access of instrumented code passes here.
//
// Each does one thing: announce the access before the program makes it. They
// cost one comparison while no schedule runs.
#include <string.h>

#include "stressd/explore/engine.h"

using explore::g_engine;
using explore::OperationKind;

namespace {

inline void Announce(OperationKind kind, const void* address, uint32_t size_bytes, uintptr_t pc) {
  g_engine.Access(kind, explore::Address(address), size_bytes, explore::kRelaxed, pc);
  if (kind == OperationKind::kRead) g_engine.NoteRead(explore::Address(address), size_bytes, pc);
}

// A long range counts as one operation of up to 255 bytes for the strategy;
// the race detector sees all of it.
void AnnounceRange(OperationKind kind, const void* address, size_t size_bytes, uintptr_t pc) {
  if (!g_engine.running() || size_bytes == 0) return;
  if (g_engine.PassQuickly(explore::Address(address), static_cast<uint32_t>(size_bytes))) return;
  g_engine.Announce(explore::Operation{kind,
                                       static_cast<uint8_t>(size_bytes < 255 ? size_bytes : 255), 0,
                                       explore::Address(address), pc});
  // 1 MiB: beyond that a copy would cost seconds of shadow.
  if (size_bytes > (1 << 20)) size_bytes = 1 << 20;
  g_engine.Judge(kind, explore::Address(address), static_cast<uint32_t>(size_bytes), pc);
}

}  // namespace

extern "C" {

void __tsan_init() { g_engine.Init(); }

void __tsan_func_entry(void* pc) {
  if (g_engine.initialized()) g_engine.EnterFunction(reinterpret_cast<uintptr_t>(pc));
}

void __tsan_func_exit() {
  if (g_engine.initialized()) g_engine.ExitFunction();
}

#define EXPLORE_ACCESS(name, kind, size) \
  void __tsan_##name(void* address) { Announce(kind, address, size, EXPLORE_CALLER_PC()); }

#define EXPLORE_WIDTH(size)                                                   \
  EXPLORE_ACCESS(read##size, OperationKind::kRead, size)                      \
  EXPLORE_ACCESS(write##size, OperationKind::kWrite, size)                    \
  EXPLORE_ACCESS(volatile_read##size, OperationKind::kRead, size)             \
  EXPLORE_ACCESS(volatile_write##size, OperationKind::kWrite, size)           \
  EXPLORE_ACCESS(unaligned_volatile_read##size, OperationKind::kRead, size)   \
  EXPLORE_ACCESS(unaligned_volatile_write##size, OperationKind::kWrite, size) \
  EXPLORE_ACCESS(unaligned_read##size, OperationKind::kRead, size)            \
  EXPLORE_ACCESS(unaligned_write##size, OperationKind::kWrite, size)          \
  EXPLORE_ACCESS(read_write##size, OperationKind::kWrite, size)               \
  EXPLORE_ACCESS(unaligned_read_write##size, OperationKind::kWrite, size)

EXPLORE_WIDTH(1)
EXPLORE_WIDTH(2)
EXPLORE_WIDTH(4)
EXPLORE_WIDTH(8)
EXPLORE_WIDTH(16)

#undef EXPLORE_WIDTH
#undef EXPLORE_ACCESS

void __tsan_vptr_read(void** address) {
  Announce(OperationKind::kRead, address, sizeof(void*), EXPLORE_CALLER_PC());
}

void __tsan_vptr_update(void** address, void* value) {
  // A destructor that stores the pointer that is there already changes nothing.
  if (*address == value) return;
  Announce(OperationKind::kWrite, address, sizeof(void*), EXPLORE_CALLER_PC());
}

void __tsan_read_range(void* address, size_t size_bytes) {
  AnnounceRange(OperationKind::kRead, address, size_bytes, EXPLORE_CALLER_PC());
}

void __tsan_write_range(void* address, size_t size_bytes) {
  AnnounceRange(OperationKind::kWrite, address, size_bytes, EXPLORE_CALLER_PC());
  if (g_engine.running()) g_engine.DrainAll(*g_engine.current());
}

void* __tsan_memcpy(void* to, const void* from, size_t size_bytes) {
  AnnounceRange(OperationKind::kRead, from, size_bytes, EXPLORE_CALLER_PC());
  AnnounceRange(OperationKind::kWrite, to, size_bytes, EXPLORE_CALLER_PC());
  if (g_engine.running()) g_engine.DrainAll(*g_engine.current());
  return memcpy(to, from, size_bytes);
}

void* __tsan_memmove(void* to, const void* from, size_t size_bytes) {
  AnnounceRange(OperationKind::kRead, from, size_bytes, EXPLORE_CALLER_PC());
  AnnounceRange(OperationKind::kWrite, to, size_bytes, EXPLORE_CALLER_PC());
  if (g_engine.running()) g_engine.DrainAll(*g_engine.current());
  return memmove(to, from, size_bytes);
}

void* __tsan_memset(void* to, int value, size_t size_bytes) {
  AnnounceRange(OperationKind::kWrite, to, size_bytes, EXPLORE_CALLER_PC());
  if (g_engine.running()) g_engine.DrainAll(*g_engine.current());
  return memset(to, value, size_bytes);
}

void __tsan_ignore_thread_begin() {}
void __tsan_ignore_thread_end() {}

}  // extern "C"
