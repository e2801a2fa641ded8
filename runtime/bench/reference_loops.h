/* Reference loops in C, over libraries whose headers are C: liburcu and ck.
 *
 * Model.  Each function runs `count` operations; the calling thread registers
 *   before and unregisters after.
 * Thread safety.  Any thread, but ck_epoch's one record is one thread's.
 */
#ifndef RUNTIME_BENCH_REFERENCE_LOOPS_H_
#define RUNTIME_BENCH_REFERENCE_LOOPS_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void rt_urcu_register(void);
void rt_urcu_unregister(void);
/* rcu_quiescent_state(), inlined as liburcu offers it. */
void rt_urcu_quiescent_states(size_t count);

void rt_ck_register(void);
void rt_ck_unregister(void);
/* Retires blocks of 64 bytes that `allocate` gives, through ck_epoch_call(); one
 * read section and, every 32 operations, one poll. `release` frees a block. */
void rt_ck_retire(size_t count, void* (*allocate)(void* heap, size_t bytes), void* heap,
                  void (*release)(void* block));

#ifdef __cplusplus
}
#endif

#endif /* RUNTIME_BENCH_REFERENCE_LOOPS_H_ */
