// A program that embeds the runtime core: threads append boxed numbers to a list
// they share, one stops the world to look at it, and the books balance.
//
//   bazel run //runtime/example:shared_list_plain

#include <cstdint>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/runtime.h"

namespace {

constexpr int kThreads = 4;
constexpr int64_t kItemsPerThread = 1000;

// What one OS thread does. Returns false when the interpreter is shut down.
bool AppendNumbers(rt::Interpreter& interpreter, rt::List* list) {
  rt::ScopedThreadState thread(interpreter);  // Creates and attaches.
  if (!thread) return false;
  for (int64_t i = 0; i < kItemsPerThread; ++i) {
    rt::Number* const number = rt::NumberNew(*thread, i);
    if (number == nullptr) return false;  // Out of memory.
    const bool appended = rt::ListAppend(*thread, list, rt::AsObject(number));
    rt::Decref(*thread, rt::AsObject(number));  // The list holds its own.
    if (!appended) return false;
    // Lets others stop the world, and reclaims what they and we left behind.
    if (!rt::SafePoint(*thread)) return false;
  }
  return true;  // ~ScopedThreadState() clears and deletes.
}

int Run() {
  std::unique_ptr<rt::Runtime> runtime = rt::Runtime::Create();
  if (runtime == nullptr) return 1;
  rt::Interpreter& interpreter = *runtime->main_interpreter();
  rt::ScopedThreadState main_thread(interpreter);
  if (!main_thread) return 1;
  rt::List* const list = rt::ListNew(*main_thread);
  if (list == nullptr) return 1;

  // Waiting for threads blocks, so detach meanwhile.
  rt::ScopedDetach detached(*main_thread);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { AppendNumbers(interpreter, list); });
  }
  for (std::thread& thread : threads) thread.join();
  if (!detached.End()) return 1;

  rt::BalanceSnapshot balance;
  if (!rt::StopTheWorld(*main_thread, rt::StopScope::kInterpreter)) return 1;
  interpreter.SnapshotWorldStopped(*main_thread, &balance);
  rt::StartTheWorld(*main_thread);
  const int64_t size = rt::ListSize(list);
  printf("%lld items, %lld references, %lld thread state\n", static_cast<long long>(size),
         static_cast<long long>(balance.reference_total),
         static_cast<long long>(balance.thread_state_count));

  rt::Decref(*main_thread, rt::AsObject(list));  // The last reference.
  if (!interpreter.Quiesce(*main_thread)) return 1;
  if (!interpreter.Snapshot(*main_thread, &balance)) return 1;
  printf("%lld references, %lld blocks left\n", static_cast<long long>(balance.reference_total),
         static_cast<long long>(balance.LiveBlockCount()));
  return size == kThreads * kItemsPerThread && balance.reference_total == 0 &&
                 balance.LiveBlockCount() == 0
             ? 0
             : 1;
}

}  // namespace

int main() { return Run(); }
