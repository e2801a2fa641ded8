// What of thread states is counted in bytes, not timed.

#ifndef RUNTIME_BENCH_STATE_BENCH_H_
#define RUNTIME_BENCH_STATE_BENCH_H_

namespace rt {

// Bytes taken from malloc for each thread state that has done nothing yet.
double BytesPerIdleThreadState();

}  // namespace rt

#endif  // RUNTIME_BENCH_STATE_BENCH_H_
