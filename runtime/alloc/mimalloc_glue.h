/* Mimalloc glue: all that the runtime core asks of mimalloc, in C.
 *
 * Model.  mimalloc_glue.c compiles mimalloc's sources (patched, see
 * //bazel/patches) together with the few functions below, so that none of
 * mimalloc's structures is seen outside. It replaces no malloc, runs nothing
 * before main, at exit or at a thread's end, and has no default heap.
 * A set is one mi_tld_t with four heaps that share its segments.
 * Thread safety.  As heap_bundle.h states; rt_mi_free() is for any thread.
 * Fork.  mimalloc's process-wide state is a few atomics: nothing to repair.
 */
#ifndef RUNTIME_ALLOC_MIMALLOC_GLUE_H_
#define RUNTIME_ALLOC_MIMALLOC_GLUE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { RT_MI_HEAP_COUNT = 4 };

/* What mimalloc asks back. Defined in heap_bundle.cc. */
typedef struct rt_mi_hooks {
  /* The goal for a page of `bytes` bytes that became empty now; not 0. */
  uint64_t (*next_goal)(void* bundle, size_t bytes);
  bool (*goal_reached)(void* bundle, uint64_t goal);
  /* Ends the process: `invariant` of a page or block is broken. */
  void (*die)(const char* invariant, const char* text);
} rt_mi_hooks;

typedef struct rt_mi_usage {
  int64_t block_count;
  int64_t block_bytes;
  int64_t page_count;
  int64_t held_page_count;
} rt_mi_usage;

typedef bool (*rt_mi_block_visitor)(void* argument, int kind, void* block, size_t bytes);

/* A page with a live block: block `index` of `capacity` begins at start + index *
 * block_bytes and is free if its bit in `is_free` is set; null: none is. */
typedef bool (*rt_mi_page_visitor)(void* argument, int kind, char* start, size_t block_bytes,
                                   size_t capacity, const uint64_t* is_free);

/* Bytes and alignment of a set's memory. */
size_t rt_mi_set_bytes(void);
enum { RT_MI_SET_ALIGNMENT = 64 };

/* Sets mimalloc's options and its process-wide state. Before any other call,
 * once; the caller sees to that. */
void rt_mi_process_init(const rt_mi_hooks* hooks);

/* Makes a set in `memory` (zeroed). Pages of the heaps in `hold_mask` (bit =
 * kind) wait for a goal when they become empty; `bundle` goes to the hooks. */
void rt_mi_set_init(void* memory, void* bundle, unsigned hold_mask);

/* Makes thread state `owner_id` the owner of all heaps and segments. */
void rt_mi_set_bind(void* set, uint64_t owner_id);

void* rt_mi_allocate(void* set, int kind, size_t bytes);
void rt_mi_free(void* block);
size_t rt_mi_block_bytes(const void* block);
int rt_mi_block_kind(const void* block);

/* As HeapBundle's functions of these names. */
void rt_mi_set_collect(void* set, bool force);
void rt_mi_set_poll_held(void* set);
int64_t rt_mi_set_held_page_count(const void* set);
bool rt_mi_set_is_empty(const void* set);
void rt_mi_set_usage(void* set, rt_mi_usage usage[RT_MI_HEAP_COUNT], int64_t* segment_count,
                     int64_t* segment_bytes);
bool rt_mi_set_visit(void* set, rt_mi_block_visitor visitor, void* argument);
bool rt_mi_set_visit_pages(void* set, unsigned kind_mask, rt_mi_page_visitor visitor,
                           void* argument);
void rt_mi_set_check(void* set);

/* Returns all memory of the set to the operating system, but not the set. */
void rt_mi_set_destroy(void* set);

#ifdef __cplusplus
}
#endif

#endif /* RUNTIME_ALLOC_MIMALLOC_GLUE_H_ */
