/* Kernels: small pieces of concurrent code that are run ten thousand times a
 * second, many schedules in one process.
 *
 * Model.  A kernel is a set-up, two or more threads, and a check. Set-up and
 * check are not scheduled; the threads' every access is. Between schedules the
 * engine forgets all locks and memory, so set_up() makes every object anew:
 * what it leaves in static variables must not depend on earlier schedules.
 * Thread-local variables start over with each schedule. What a kernel can do without, it
 * may declare: optional.h.
 * Errors.  A check returns what is wrong, or null. explore_fail() ends the
 * schedule from anywhere. A crash costs the rest of its batch and nothing else.
 * Thread safety.  explore_kernel_main() is called once, from main().
 */
#ifndef STRESSD_EXPLORE_KERNEL_H_
#define STRESSD_EXPLORE_KERNEL_H_

#ifdef __cplusplus
extern "C" {
#endif

typedef struct explore_kernel {
  const char* name;
  const char* summary;        /* One line, shown by --list. */
  int thread_count;           /* 1 to 16. */
  void (*set_up)(void);       /* May be null. */
  void (*thread)(int index);  /* 0 to thread_count - 1. */
  const char* (*check)(void); /* May be null. */
} explore_kernel;

/* Runs the kernel that argv[1] names, under stress-explore; `--list` prints
 * their names. Returns the process's exit status. */
int explore_kernel_main(int argc, char** argv, const explore_kernel* kernels, int kernel_count);

/* Ends the schedule with a finding. Any thread of a schedule. */
#ifdef __cplusplus
[[noreturn]]
#endif
void explore_fail(const char* message);

#ifdef __cplusplus
}
#endif

/* Ends the schedule with a finding if `condition` does not hold. */
#define EXPLORE_CHECK(condition) ((condition) ? (void)0 : explore_fail("check failed: " #condition))

#endif /* STRESSD_EXPLORE_KERNEL_H_ */
