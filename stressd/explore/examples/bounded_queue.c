/* A bounded queue of C11 threads with a classic mistake: one condition for both
 * "not full" and "not empty", signalled one waiter at a time. The wake-up goes
 * to the wrong side now and then, and everybody sleeps for ever.
 * With EXPLORE_CORRECT=1 it broadcasts.
 */
#include <threads.h>

enum { kCapacity = 1, kProducers = 2, kConsumers = 2, kItems = 2 };

static mtx_t g_mutex;
static cnd_t g_changed;
static int g_count = 0;

static void wake(void) {
#if EXPLORE_CORRECT
  cnd_broadcast(&g_changed);
#else
  cnd_signal(&g_changed);
#endif
}

static int produce(void* unused) {
  (void)unused;
  for (int i = 0; i < kItems; ++i) {
    mtx_lock(&g_mutex);
    while (g_count == kCapacity) cnd_wait(&g_changed, &g_mutex);
    ++g_count;
    wake();
    mtx_unlock(&g_mutex);
  }
  return 0;
}

static int consume(void* unused) {
  (void)unused;
  for (int i = 0; i < kItems; ++i) {
    mtx_lock(&g_mutex);
    while (g_count == 0) cnd_wait(&g_changed, &g_mutex);
    --g_count;
    wake();
    mtx_unlock(&g_mutex);
  }
  return 0;
}

int main(void) {
  thrd_t threads[kProducers + kConsumers];
  mtx_init(&g_mutex, mtx_plain);
  cnd_init(&g_changed);
  for (int i = 0; i < kProducers; ++i) thrd_create(&threads[i], produce, 0);
  for (int i = 0; i < kConsumers; ++i) thrd_create(&threads[kProducers + i], consume, 0);
  for (int i = 0; i < kProducers + kConsumers; ++i) thrd_join(threads[i], 0);
  return g_count;
}
