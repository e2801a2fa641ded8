// mimalloc's sources and the runtime's few functions around them. C, gnu11.

// What mimalloc's own build would choose, said here so that each flavor gets
// the same allocator. Debug levels fill dead blocks and encode links, secure
// levels guard pages: both would overwrite header words that lock-free readers
// may still load. The segment cache is process-wide and would keep memory of
// interpreters that are gone.
#define MI_DEBUG 0
#define MI_SECURE 0
#define MI_STAT 0
#define MI_PADDING 0
#define MI_CACHE_DISABLE 1
// Separate bytes for a page's flags, which remote frees read.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MI_TSAN 1
#endif
#endif

// Their warnings are not ours to fix.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include "src/static.c"
#pragma clang diagnostic pop

#include "runtime/alloc/mimalloc_glue.h"

typedef struct rt_set {
  mi_tld_t tld;
  mi_heap_t heap[RT_MI_HEAP_COUNT];
} rt_set;

static rt_mi_hooks rt_hooks;

static void rt_on_mimalloc_error(int error, void* argument) {
  MI_UNUSED(argument);
  // EFAULT: a list of freed blocks is not a list. EINVAL: not our pointer.
  if (error == EFAULT || error == EINVAL) {
    rt_hooks.die("M", "mimalloc found its structures corrupted");
  }
}

size_t rt_mi_set_bytes(void) { return sizeof(rt_set); }

void rt_mi_process_init(const rt_mi_hooks* hooks) {
  rt_hooks = *hooks;
  // Every option is what we say, whatever the environment holds.
  for (int i = 0; i < _mi_option_last; i++) options[i].init = INITIALIZED;
  mi_option_set(mi_option_show_errors, 0);
  mi_option_set(mi_option_verbose, 0);
  mi_option_set(mi_option_eager_commit, 1);
  mi_option_set(mi_option_eager_commit_delay, 0);
  mi_option_set(mi_option_use_numa_nodes, 1);
  mi_max_error_count = 0;
  mi_max_warning_count = 0;
  mi_register_error(&rt_on_mimalloc_error, NULL);
  os_preloading = false;
  _mi_os_init();
  // No thread is the main thread; the cookie is any number but 0.
  _mi_heap_main.thread_id = UINTPTR_MAX;
  _mi_heap_main.cookie = (uintptr_t)0x9E3779B97F4A7C15u;
  _mi_process_is_initialized = true;
}

void rt_mi_set_init(void* memory, void* bundle, unsigned hold_mask) {
  rt_set* const set = (rt_set*)memory;
  _mi_memcpy_aligned(&set->tld, &tld_empty, sizeof(set->tld));
  set->tld.segments.stats = &set->tld.stats;
  set->tld.segments.os = &set->tld.os;
  set->tld.os.stats = &set->tld.stats;
  set->tld.heap_backing = &set->heap[0];
  for (int kind = RT_MI_HEAP_COUNT - 1; kind >= 0; kind--) {
    mi_heap_t* const heap = &set->heap[kind];
    _mi_memcpy_aligned(heap, &_mi_heap_empty, sizeof(*heap));
    heap->tld = &set->tld;
    heap->cookie = 1;
    heap->no_reclaim = true;
    heap->rt_kind = (uint8_t)kind;
    heap->rt_bundle = (hold_mask & (1u << kind)) != 0 ? bundle : NULL;
    heap->next = set->tld.heaps;
    set->tld.heaps = heap;
  }
}

void* rt_mi_allocate(void* set, int kind, size_t bytes) {
  return mi_heap_malloc(&((rt_set*)set)->heap[kind], bytes);
}

void rt_mi_free(void* block) { mi_free(block); }

size_t rt_mi_block_bytes(const void* block) { return mi_usable_size(block); }

int rt_mi_block_kind(const void* block) {
  return _mi_segment_page_of(_mi_ptr_segment(block), block)->rt_kind;
}

// --- Held pages -------------------------------------------------------------

static void rt_held_unlink(mi_heap_t* heap, mi_page_t* page) {
  if (page->rt_held_prev != NULL) {
    page->rt_held_prev->rt_held_next = page->rt_held_next;
  } else {
    heap->rt_held_first = page->rt_held_next;
  }
  if (page->rt_held_next != NULL) {
    page->rt_held_next->rt_held_prev = page->rt_held_prev;
  } else {
    heap->rt_held_last = page->rt_held_prev;
  }
  page->rt_held_next = NULL;
  page->rt_held_prev = NULL;
  page->rt_goal = 0;
}

bool _rt_page_hold(mi_page_t* page, mi_page_queue_t* pq) {
  MI_UNUSED(pq);
  // The page's heap, never one of the running thread: who frees or collects
  // may be a foreign thread.
  mi_heap_t* const heap = mi_page_heap(page);
  if (heap->rt_bundle == NULL) return false;
  if (page->rt_goal != 0) {
    if (!rt_hooks.goal_reached(heap->rt_bundle, page->rt_goal)) return true;
    rt_held_unlink(heap, page);
    return false;
  }
  // Out of the full queue, which is never searched: the page can serve its
  // size class again while it waits.
  if (mi_page_is_in_full(page)) _mi_page_unfull(page);
  page->retire_expire = 0;
  page->rt_goal =
      rt_hooks.next_goal(heap->rt_bundle, (size_t)page->capacity * mi_page_block_size(page));
  page->rt_held_prev = heap->rt_held_last;
  page->rt_held_next = NULL;
  if (heap->rt_held_last != NULL) {
    heap->rt_held_last->rt_held_next = page;
  } else {
    heap->rt_held_first = page;
  }
  heap->rt_held_last = page;
  return true;
}

void _rt_page_reuse(mi_page_t* page) { rt_held_unlink(mi_page_heap(page), page); }

void _rt_page_check_free(mi_page_t* page) {
  if (page->rt_goal != 0) {
    rt_hooks.die("INV-M-5", "a page that waits for a goal is freed");
  }
}

static void rt_heap_poll_held(mi_heap_t* heap) {
  // Oldest first and goals do not decrease: the first refusal ends it.
  while (heap->rt_held_first != NULL) {
    mi_page_t* const page = heap->rt_held_first;
    if (!rt_hooks.goal_reached(heap->rt_bundle, page->rt_goal)) return;
    rt_held_unlink(heap, page);
    _mi_page_free(page, mi_page_queue_of(page), false);
  }
}

void rt_mi_set_poll_held(void* memory) {
  rt_set* const set = (rt_set*)memory;
  for (int kind = 0; kind < RT_MI_HEAP_COUNT; kind++) {
    rt_heap_poll_held(&set->heap[kind]);
  }
}

void _rt_heap_relieve(mi_heap_t* heap) {
  // All four heaps share the segments, and blocks that other threads freed wait
  // with the heap they came from: an idle heap is drained by its busy sibling.
  for (mi_heap_t* each = heap->tld->heaps; each != NULL; each = each->next) {
    if (each != heap) (void)_mi_heap_delayed_free_partial(each);
    rt_heap_poll_held(each);
  }
}

// --- Walks ------------------------------------------------------------------

typedef bool (*rt_page_visitor)(void* argument, mi_heap_t* heap, mi_page_t* page);

static bool rt_heap_for_each_page(mi_heap_t* heap, rt_page_visitor visitor, void* argument) {
  for (size_t bin = 0; bin <= MI_BIN_FULL; bin++) {
    mi_page_t* page = heap->pages[bin].first;
    while (page != NULL) {
      mi_page_t* const next = page->next;  // The visitor may move the page.
      if (!visitor(argument, heap, page)) return false;
      page = next;
    }
  }
  return true;
}

static bool rt_set_for_each_page(rt_set* set, rt_page_visitor visitor, void* argument) {
  for (int kind = 0; kind < RT_MI_HEAP_COUNT; kind++) {
    if (!rt_heap_for_each_page(&set->heap[kind], visitor, argument)) {
      return false;
    }
  }
  return true;
}

static bool rt_bind_page(void* argument, mi_heap_t* heap, mi_page_t* page) {
  MI_UNUSED(argument);
  mi_segment_t* const segment = _mi_page_segment(page);
  // Relaxed: another thread that frees a block compares this with its own id,
  // and neither the old nor the new value is that.
  if (mi_atomic_load_relaxed(&segment->thread_id) != heap->thread_id) {
    atomic_store_explicit(&segment->thread_id, heap->thread_id, memory_order_relaxed);
  }
  return true;
}

void rt_mi_set_bind(void* memory, uint64_t owner_id) {
  rt_set* const set = (rt_set*)memory;
  for (int kind = 0; kind < RT_MI_HEAP_COUNT; kind++) {
    set->heap[kind].thread_id = (mi_threadid_t)owner_id;
  }
  rt_set_for_each_page(set, &rt_bind_page, NULL);
}

void rt_mi_set_collect(void* memory, bool force) {
  rt_set* const set = (rt_set*)memory;
  for (int kind = 0; kind < RT_MI_HEAP_COUNT; kind++) {
    mi_heap_collect(&set->heap[kind], force);
    rt_heap_poll_held(&set->heap[kind]);
  }
}

int64_t rt_mi_set_held_page_count(const void* memory) {
  const rt_set* const set = (const rt_set*)memory;
  int64_t count = 0;
  for (int kind = 0; kind < RT_MI_HEAP_COUNT; kind++) {
    for (const mi_page_t* page = set->heap[kind].rt_held_first; page != NULL;
         page = page->rt_held_next) {
      count++;
    }
  }
  return count;
}

bool rt_mi_set_is_empty(const void* memory) {
  const rt_set* const set = (const rt_set*)memory;
  for (int kind = 0; kind < RT_MI_HEAP_COUNT; kind++) {
    if (set->heap[kind].page_count != 0) return false;
  }
  return true;
}

// Takes in every block that other threads have freed.
static void rt_set_take_remote_frees(rt_set* set) {
  for (int kind = 0; kind < RT_MI_HEAP_COUNT; kind++) {
    _mi_heap_delayed_free_all(&set->heap[kind]);
  }
}

static bool rt_count_page(void* argument, mi_heap_t* heap, mi_page_t* page) {
  rt_mi_usage* const usage = &((rt_mi_usage*)argument)[heap->rt_kind];
  _mi_page_free_collect(page, true);
  usage->page_count++;
  usage->block_count += page->used;
  usage->block_bytes += (int64_t)page->used * (int64_t)mi_page_block_size(page);
  if (page->rt_goal != 0) usage->held_page_count++;
  return true;
}

void rt_mi_set_usage(void* memory, rt_mi_usage usage[RT_MI_HEAP_COUNT], int64_t* segment_count,
                     int64_t* segment_bytes) {
  rt_set* const set = (rt_set*)memory;
  memset(usage, 0, RT_MI_HEAP_COUNT * sizeof(usage[0]));
  rt_set_take_remote_frees(set);
  rt_set_for_each_page(set, &rt_count_page, usage);
  *segment_count = (int64_t)set->tld.segments.count;
  *segment_bytes = (int64_t)set->tld.segments.current_size;
}

typedef struct rt_visit {
  rt_mi_block_visitor visitor;
  void* argument;
} rt_visit;

// A small page has the most blocks; larger pages have larger blocks.
#define RT_MAX_BLOCKS (MI_SMALL_PAGE_SIZE / 16)

static bool rt_visit_blocks(void* argument, int kind, char* start, size_t block_bytes,
                            size_t capacity, const uint64_t* is_free) {
  const rt_visit* const visit = (const rt_visit*)argument;
  for (size_t index = 0; index < capacity; index++) {
    if (is_free != NULL && ((is_free[index / 64] >> (index % 64)) & 1)) continue;
    if (!visit->visitor(visit->argument, kind, start + index * block_bytes, block_bytes)) {
      return false;
    }
  }
  return true;
}

typedef struct rt_visit_pages {
  rt_mi_page_visitor visitor;
  void* argument;
} rt_visit_pages;

static bool rt_visit_page(void* argument, mi_heap_t* heap, mi_page_t* page) {
  const rt_visit_pages* const visit = (const rt_visit_pages*)argument;
  _mi_page_free_collect(page, true);
  if (page->used == 0) return true;
  const size_t block_bytes = mi_page_block_size(page);
  uint8_t* const start = _mi_page_start(_mi_page_segment(page), page, NULL);
  if (page->free == NULL) {
    return visit->visitor(visit->argument, heap->rt_kind, (char*)start, block_bytes, page->capacity,
                          NULL);
  }
  uint64_t is_free[RT_MAX_BLOCKS / 64];
  memset(is_free, 0, ((size_t)page->capacity + 63) / 64 * sizeof(is_free[0]));
  for (mi_block_t* block = page->free; block != NULL; block = mi_block_next(page, block)) {
    const size_t index = (size_t)((uint8_t*)block - start) / block_bytes;
    is_free[index / 64] |= (uint64_t)1 << (index % 64);
  }
  return visit->visitor(visit->argument, heap->rt_kind, (char*)start, block_bytes, page->capacity,
                        is_free);
}

bool rt_mi_set_visit_pages(void* memory, unsigned kind_mask, rt_mi_page_visitor visitor,
                           void* argument) {
  rt_set* const set = (rt_set*)memory;
  rt_visit_pages visit = {visitor, argument};
  rt_set_take_remote_frees(set);
  for (int kind = 0; kind < RT_MI_HEAP_COUNT; kind++) {
    if ((kind_mask & (1u << kind)) == 0) continue;
    if (!rt_heap_for_each_page(&set->heap[kind], &rt_visit_page, &visit)) return false;
  }
  return true;
}

bool rt_mi_set_visit(void* memory, rt_mi_block_visitor visitor, void* argument) {
  rt_visit visit = {visitor, argument};
  return rt_mi_set_visit_pages(memory, ~0u, &rt_visit_blocks, &visit);
}

static bool rt_check_page(void* argument, mi_heap_t* heap, mi_page_t* page) {
  int64_t* const held_count = (int64_t*)argument;
  mi_segment_t* const segment = _mi_page_segment(page);
  if (mi_page_heap(page) != heap || page->rt_kind != heap->rt_kind) {
    rt_hooks.die("INV-M-4", "a page is in another heap's queue");
  }
  if (mi_atomic_load_relaxed(&segment->thread_id) != heap->thread_id) {
    rt_hooks.die("INV-M-6", "a segment's owner is not its heaps' owner");
  }
  if (page->rt_goal == 0) return true;
  ++*held_count;
  if (page->used != 0 || mi_page_is_in_full(page) || heap->rt_bundle == NULL) {
    rt_hooks.die("INV-M-5", "a page waits for a goal but is in use");
  }
  return true;
}

void rt_mi_set_check(void* memory) {
  rt_set* const set = (rt_set*)memory;
  int64_t held_count = 0;
  rt_set_for_each_page(set, &rt_check_page, &held_count);
  for (int kind = 0; kind < RT_MI_HEAP_COUNT; kind++) {
    uint64_t last_goal = 0;
    for (const mi_page_t* page = set->heap[kind].rt_held_first; page != NULL;
         page = page->rt_held_next) {
      // Signed difference: goals may wrap.
      if (page->rt_goal == 0 || (last_goal != 0 && (int64_t)(page->rt_goal - last_goal) < 0)) {
        rt_hooks.die("INV-M-5", "held pages are out of order");
      }
      last_goal = page->rt_goal;
    }
  }
  if (held_count != rt_mi_set_held_page_count(set)) {
    rt_hooks.die("INV-M-5", "pages with a goal and held pages differ");
  }
}

void rt_mi_set_destroy(void* memory) {
  rt_set* const set = (rt_set*)memory;
  for (int kind = 0; kind < RT_MI_HEAP_COUNT; kind++) {
    mi_heap_t* const heap = &set->heap[kind];
    _mi_heap_destroy_pages(heap);
    heap->rt_held_first = NULL;
    heap->rt_held_last = NULL;
  }
  if (set->tld.segments.count != 0) {
    rt_hooks.die("M", "segments are left of a destroyed bundle");
  }
}
