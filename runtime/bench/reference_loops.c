#include "runtime/bench/reference_loops.h"

#define _LGPL_SOURCE 1
#define URCU_INLINE_SMALL_FUNCTIONS 1
#include <ck_epoch.h>
#include <stdlib.h>
#include <urcu-qsbr.h>

void rt_urcu_register(void) { rcu_register_thread(); }
void rt_urcu_unregister(void) { rcu_unregister_thread(); }

void rt_urcu_quiescent_states(size_t count) {
  for (size_t i = 0; i < count; i++) rcu_quiescent_state();
}

/* 32: as often as our own benchmark passes a safe point. */
enum { kOperationsPerPoll = 32 };

static ck_epoch_t rt_epoch;
static ck_epoch_record_t rt_record;
static void (*rt_release)(void* block);

void rt_ck_register(void) {
  ck_epoch_init(&rt_epoch);
  ck_epoch_register(&rt_epoch, &rt_record, NULL);
}

void rt_ck_unregister(void) {
  ck_epoch_barrier(&rt_record);
  ck_epoch_unregister(&rt_record);
}

static void rt_ck_destroy(ck_epoch_entry_t* entry) { rt_release(entry); }

void rt_ck_retire(size_t count, void* (*allocate)(void* heap, size_t bytes), void* heap,
                  void (*release)(void* block)) {
  rt_release = release;
  for (size_t i = 0; i < count; i++) {
    ck_epoch_entry_t* const entry = allocate(heap, 64);
    if (entry == NULL) abort();
    ck_epoch_call(&rt_record, entry, &rt_ck_destroy);
    if (i % kOperationsPerPoll == 0) ck_epoch_poll(&rt_record);
  }
}
