// A process whose stacks may be taken by a stranger.
#ifndef STRESSD_HOST_ALLOW_TRACING_H_
#define STRESSD_HOST_ALLOW_TRACING_H_

namespace stressd::host {

// Lets every process of our user trace the calling one. Under Yama's usual
// setting (kernel.yama.ptrace_scope = 1) only ancestors may, and the helper that
// takes the stacks of a hung host is no ancestor but a sibling: another child of
// the daemon. Only a daemon of root could then tell where a host hangs. Not
// inherited by forked children. Changes nothing where Yama is absent.
void AllowTracing();

}  // namespace stressd::host

#endif  // STRESSD_HOST_ALLOW_TRACING_H_
