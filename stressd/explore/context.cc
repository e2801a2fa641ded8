#include "stressd/explore/context.h"

#include <asm/prctl.h>
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "stressd/explore/array.h"
#include "stressd/explore/raw_system.h"

namespace explore {
namespace {

// What ulimit -s gives a thread by default; pages are only used when touched.
constexpr size_t kStackBytes = 8 << 20;
// Above this distance the lender sleeps and the kernel keeps its frame.
constexpr uintptr_t kLenderFrameBytes = 16 << 10;

// Bit 1 of AT_HWCAP2: user code may write the FS base.
constexpr unsigned long kHwcap2FsGsBase = 2;

bool HaveFsBase() {
  static const int answer = (getauxval(AT_HWCAP2) & kHwcap2FsGsBase) != 0 ? 1 : 2;
  return answer == 1;
}

uintptr_t ThreadPointer() { return reinterpret_cast<uintptr_t>(__builtin_thread_pointer()); }

// The one answer of HaveFsBase(), readable while no thread pointer is trusted.
bool g_have_fs_base = false;

}  // namespace

extern "C" {
// Saves the callee-saved registers and the stack pointer, takes over the other
// context's. The return address is part of the saved frame.
void explore_switch_stack(void** save, void* load);
// Where a fresh stack begins: calls the entry that Prepare() put in rbx.
void explore_enter();
}

__asm__(
    ".text\n"
    ".globl explore_switch_stack\n"
    ".type explore_switch_stack,@function\n"
    "explore_switch_stack:\n"
    "  pushq %rbp\n"
    "  pushq %rbx\n"
    "  pushq %r12\n"
    "  pushq %r13\n"
    "  pushq %r14\n"
    "  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n"
    "  popq %r14\n"
    "  popq %r13\n"
    "  popq %r12\n"
    "  popq %rbx\n"
    "  popq %rbp\n"
    "  ret\n"
    ".size explore_switch_stack,.-explore_switch_stack\n"
    ".globl explore_enter\n"
    ".type explore_enter,@function\n"
    "explore_enter:\n"
    "  xorl %ebp, %ebp\n"
    "  pushq $0\n"
    "  callq *%rbx\n"
    "  ud2\n"
    ".size explore_enter,.-explore_enter\n");

__attribute__((no_stack_protector)) void SwitchContext(Context* from, Context* to) {
  if (g_have_fs_base) {
    __asm__ volatile("wrfsbase %0" : : "r"(to->thread_pointer) : "memory");
  } else {
    RawSystemCall(SYS_arch_prctl, ARCH_SET_FS, static_cast<long>(to->thread_pointer));
  }
  explore_switch_stack(&from->stack_pointer, to->stack_pointer);
}

void ContextPool::AdoptMain() {
  if (size_ != 0) return;
  g_have_fs_base = HaveFsBase();
  Context& main = contexts_[0];
  main.thread_pointer = ThreadPointer();
  // The main stack grows on demand: take the limit that matters for "is this
  // address on my own stack", 64 MiB below here and the frames of
  // main() and before, 1 MiB above.
  main.stack_high = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) + (uintptr_t{1} << 20);
  main.stack_low = main.stack_high - (uintptr_t{64} << 20);
  size_ = 1;
}

void* ContextPool::Lend(void* argument) {
  Context* context = static_cast<Context*>(argument);
  context->thread_pointer = ThreadPointer();
  const uintptr_t frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  context->fresh_stack = reinterpret_cast<void*>((frame - kLenderFrameBytes) & ~uintptr_t{63});
  // The pool's owner waits for this word; see StartLender().
  __atomic_store_n(&context->stack_pointer, context->fresh_stack, __ATOMIC_RELEASE);
  RawSystemCall(SYS_futex, reinterpret_cast<long>(&context->stack_pointer), FUTEX_WAKE, INT_MAX);
  static int never = 0;
  while (true) RawSystemCall(SYS_futex, reinterpret_cast<long>(&never), FUTEX_WAIT, 0);
}

void ContextPool::StartLender(Context* context) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static Create create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  const uintptr_t low = reinterpret_cast<uintptr_t>(MapPages(kStackBytes));
  mprotect(reinterpret_cast<void*>(low), 4096, PROT_NONE);  // The guard page.
  context->stack_low = low + 4096;
  context->stack_high = low + kStackBytes;
  context->stack_pointer = nullptr;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, reinterpret_cast<void*>(context->stack_low),
                        kStackBytes - 4096);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  // A lender must never run a handler: signals are for the engine's OS thread.
  RawSystemCall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&all),
                reinterpret_cast<long>(&before), 8);
  pthread_t ignored;
  const int error = create(&ignored, &attributes, &ContextPool::Lend, context);
  RawSystemCall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&before), 0, 8);
  if (error != 0) Die("stress-explore: cannot start a thread to borrow from: error %d", error);
  while (__atomic_load_n(&context->stack_pointer, __ATOMIC_ACQUIRE) == nullptr) {
    RawSystemCall(SYS_futex, reinterpret_cast<long>(&context->stack_pointer), FUTEX_WAIT, 0);
  }
}

void ContextPool::Reserve(uint32_t count) {
  if (count >= kMaxThreads) count = kMaxThreads - 1;
  while (size_ <= count) {
    StartLender(&contexts_[size_]);
    SaveThreadLocals(size_);
    ++size_;
  }
}

void ContextPool::SaveThreadLocals(uint32_t index) {
  // A lender's blocks lie at the same distance from its thread pointer as ours
  // do: static TLS. libc's own is left alone, its allocator cache lives there.
  struct Search {
    ContextPool* pool;
    uint32_t index;
  } search{this, index};
  image_count_[index] = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        Search* search = static_cast<Search*>(data);
        ContextPool* pool = search->pool;
        if (info->dlpi_tls_data == nullptr) return 0;
        if (strstr(info->dlpi_name, "libc.so") != nullptr) return 0;
        if (strstr(info->dlpi_name, "ld-linux") != nullptr) return 0;
        const uintptr_t mine = reinterpret_cast<uintptr_t>(info->dlpi_tls_data);
        const uintptr_t distance = pool->contexts_[0].thread_pointer - mine;
        if (mine > pool->contexts_[0].thread_pointer || distance > (1 << 20)) return 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& header = info->dlpi_phdr[i];
          uint32_t& count = pool->image_count_[search->index];
          if (header.p_type != PT_TLS || count == kMaxModules) continue;
          Image& image = pool->images_[search->index][count++];
          image.at =
              reinterpret_cast<uint8_t*>(pool->contexts_[search->index].thread_pointer - distance);
          image.size_bytes = header.p_memsz;
          image.initial = static_cast<uint8_t*>(MapPages(header.p_memsz));
          memcpy(image.initial, image.at, header.p_memsz);
        }
        return 0;
      },
      &search);
}

Context* ContextPool::Prepare(uint32_t index, void (*entry)()) {
  Reserve(index);
  Context* context = &contexts_[index];
  if (used_[index]) {
    for (uint32_t i = 0; i < image_count_[index]; ++i) {
      const Image& image = images_[index][i];
      memcpy(image.at, image.initial, image.size_bytes);
    }
  }
  used_[index] = true;
  // The frame that explore_switch_stack() pops: r15 to rbp, then the address.
  void** frame = static_cast<void**>(context->fresh_stack) - 8;
  memset(frame, 0, 8 * sizeof(void*));
  frame[4] = reinterpret_cast<void*>(entry);  // rbx
  frame[6] = reinterpret_cast<void*>(&explore_enter);
  context->stack_pointer = frame;
  return context;
}

}  // namespace explore
