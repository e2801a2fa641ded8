#include "stressd/explore/interpose_keys.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "stressd/explore/interpose.h"

extern "C" {
void* __libc_malloc(size_t size_bytes);
void __libc_free(void* block);
}

namespace explore {
namespace {

struct Key {
  bool used;
  void (*destructor)(void*);
};
constinit Key g_keys[kMaxKeys] = {};

}  // namespace

void RunKeyDestructors(Thread& thread) {
  for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; ++round) {
    bool any = false;
    for (uint32_t i = 0; i < kMaxKeys; ++i) {
      void* value = thread.keys[i];
      if (value == nullptr || !g_keys[i].used || g_keys[i].destructor == nullptr) continue;
      thread.keys[i] = nullptr;
      g_keys[i].destructor(value);
      any = true;
    }
    if (!any) return;
  }
}

void FreeDestructorRecord(ThreadLocalDestructor* record) { __libc_free(record); }

}  // namespace explore

using namespace explore;  // The C names below stand for one call each.

extern "C" {

int pthread_key_create(pthread_key_t* key, void (*destructor)(void*)) {
  for (uint32_t i = 0; i < kMaxKeys; ++i) {
    if (g_keys[i].used) continue;
    g_keys[i] = Key{true, destructor};
    for (uint32_t t = 0; t < kMaxThreads; ++t) g_engine.thread(t).keys[i] = nullptr;
    *key = i;
    return 0;
  }
  return EAGAIN;
}

int pthread_key_delete(pthread_key_t key) {
  if (key >= kMaxKeys || !g_keys[key].used) return EINVAL;
  g_keys[key].used = false;
  return 0;
}

void* pthread_getspecific(pthread_key_t key) {
  if (key >= kMaxKeys) return nullptr;
  g_engine.Init();
  return g_engine.current()->keys[key];
}

int pthread_setspecific(pthread_key_t key, const void* value) {
  if (key >= kMaxKeys || !g_keys[key].used) return EINVAL;
  g_engine.Init();
  g_engine.current()->keys[key] = const_cast<void*>(value);
  return 0;
}

// Where the C++ library registers destructors of thread_local objects. Those of
// the main thread are the C library's: they run at exit.
int __cxa_thread_atexit_impl(void (*function)(void*), void* object, void* library) {
  g_engine.Init();
  Thread& thread = *g_engine.current();
  if (thread.id == 0) {
    static auto* real = Real<int(void (*)(void*), void*, void*)>("__cxa_thread_atexit_impl");
    return real(function, object, library);
  }
  auto* record = static_cast<ThreadLocalDestructor*>(__libc_malloc(sizeof(ThreadLocalDestructor)));
  if (record == nullptr) return -1;
  *record = ThreadLocalDestructor{function, object, thread.destructors};
  thread.destructors = record;
  return 0;
}

}  // extern "C"
