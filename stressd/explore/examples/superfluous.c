/* A program with more threads and operations than its bug needs: four threads of three
 * operations each. The bug is one operation of thread 1 and one of thread 3, which add
 * to the balance by a load and a store. All of it is declared as optional
 * (stressd/explore/optional.h), so the minimizer should leave those two.
 *
 * Two parts can mislead it. The opening deposit is declared by mistake: the check expects
 * it, so without it every schedule fails, with the very words of the bug. And thread 1
 * cannot do without its first operation, which wakes thread 3, before thread 3's waiting
 * is left out.
 */
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>

#include "stressd/explore/optional.h"

enum { kThreads = 4, kOperations = 3, kFirstOperation = kThreads };
enum { kOpening = kFirstOperation + kThreads * kOperations, kOpeningSum = 100 };

static atomic_int g_balance;
static atomic_int g_visits;
static sem_t g_may_pay;
static int g_paid[kThreads]; /* By the thread of that number. */

static void visit(int thread) {
  (void)thread;
  atomic_fetch_add_explicit(&g_visits, 1, memory_order_relaxed);
}

static void pay(int thread) {
  const int seen = atomic_load_explicit(&g_balance, memory_order_relaxed);
  atomic_store_explicit(&g_balance, seen + 1, memory_order_relaxed);
  ++g_paid[thread];
}

static void allow(int thread) {
  (void)thread;
  sem_post(&g_may_pay);
}

static void wait(int thread) {
  (void)thread;
  sem_wait(&g_may_pay);
}

static void (*const kPlan[kThreads][kOperations])(int thread) = {
    {visit, visit, visit}, {allow, pay, visit}, {visit, visit, visit}, {wait, pay, visit}};

static int run(void* argument) {
  const int thread = *(const int*)argument;
  for (int i = 0; i < kOperations; ++i) {
    if (stress_explore_keeps(kFirstOperation + thread * kOperations + i)) kPlan[thread][i](thread);
  }
  return 0;
}

int main(void) {
  thrd_t threads[kThreads];
  int started[kThreads] = {0};
  int numbers[kThreads];
  sem_init(&g_may_pay, 0, 0);
  if (stress_explore_keeps(kOpening)) atomic_store(&g_balance, kOpeningSum);
  for (int i = 0; i < kThreads; ++i) {
    numbers[i] = i;
    started[i] = stress_explore_keeps(i);
    if (started[i]) thrd_create(&threads[i], run, &numbers[i]);
  }
  int expected = kOpeningSum;
  for (int i = 0; i < kThreads; ++i) {
    if (!started[i]) continue;
    thrd_join(threads[i], 0);
    expected += g_paid[i];
  }
  if (atomic_load(&g_balance) == expected) return 0;
  fprintf(stderr, "superfluous: the balance is %d, must be %d\n", atomic_load(&g_balance),
          expected);
  abort();
}
