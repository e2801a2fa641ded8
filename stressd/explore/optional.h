/* Optional parts: what a program under the controlled engine can do without.
 *
 * Model.  A program asks before it does something that its own checks do not depend on: a
 * thread, a turn of a loop, a single operation. Every part is there, until there is a
 * finding: then stress-explore tries which of them the finding does not need, and answers
 * no for those. What remains is the smallest program that still fails.
 *   Checks must know what was left out: a sum is compared with what was added. A part
 * whose absence is itself a failure is never left out: stress-explore runs the smaller
 * program without preemptions first, and it must pass.
 *   A part is a number from 0 to 63; asking twice is one part and gives one answer. Small
 * numbers are tried first, so give them to what holds most: a thread before what it does.
 *   Asking passes the fork point (docs/explore.md): what came before runs once for all
 * schedules. So ask late in the set-up; in a kernel program (kernel.h) ask from the set-up,
 * the threads and the check alone.
 * Errors.  Another number ends the schedule with the verdict `misuse`.
 * Thread safety.  Any thread. Asking is no decision and orders nothing.
 * Source.  Zeller, Hildebrandt, "Simplifying and isolating failure-inducing input" (2002);
 * here the program says what its parts are.
 */
#ifndef STRESSD_EXPLORE_OPTIONAL_H_
#define STRESSD_EXPLORE_OPTIONAL_H_

#ifdef __cplusplus
extern "C" {
#endif

/* The engine's answer; not there in a program that is linked without the engine. */
int stress_explore_keeps_part(int part) __attribute__((weak));

/* Whether `part`, 0 to 63, is there: 1, or 0 to leave it out. Without the engine 1. */
static inline int stress_explore_keeps(int part) {
  return !stress_explore_keeps_part || stress_explore_keeps_part(part);
}

#ifdef __cplusplus
}
#endif

#endif /* STRESSD_EXPLORE_OPTIONAL_H_ */
