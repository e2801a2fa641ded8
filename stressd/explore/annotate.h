/* For programs with an allocator of their own: tells the engine which memory is
 * dead, as free() does by itself.
 *
 * Model.  An allocator poisons what it takes back and unpoisons what it hands
 * out. Any access to a poisoned byte is a use after free, reported with the
 * stack that poisoned it; poisoning what is poisoned is a double free; poisoning
 * counts as writing, so that a death which races with an access is a data race.
 * Whole granules of 8 bytes within the range count, as in AddressSanitizer,
 * whose region functions these follow. Memory given back by munmap() is
 * forgotten.
 * Limits.  What is poisoned before the program's first thread is not watched.
 * Thread safety.  Any thread of a schedule; one operation, which does not switch.
 */
#ifndef STRESSD_EXPLORE_ANNOTATE_H_
#define STRESSD_EXPLORE_ANNOTATE_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Weak: null in a program that is linked without the engine. */
__attribute__((weak)) void stress_explore_poison(const volatile void* start, size_t bytes);
__attribute__((weak)) void stress_explore_unpoison(const volatile void* start, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif /* STRESSD_EXPLORE_ANNOTATE_H_ */
