#include "stressd/explore/optional.h"

#include <stdint.h>

#include "stressd/explore/engine.h"
#include "stressd/explore/fork_server.h"

extern "C" {

int stress_explore_keeps_part(int part) {
  using explore::g_engine;
  g_engine.Init();
  // What is kept differs from schedule to schedule.
  explore::PassForkPoint();
  if (part < 0 || part >= static_cast<int>(explore::kMaxParts)) {
    g_engine.AddStack("asked here", g_engine.StackOf(*g_engine.current()), EXPLORE_CALLER_PC());
    g_engine.Report(explore::Verdict::kMisuse, 0, "optional part is %d, must be 0 to %u", part,
                    explore::kMaxParts - 1);
  }
  explore::Exchange* exchange = g_engine.exchange();
  const uint64_t bit = uint64_t{1} << part;
  exchange->result.asked_parts |= bit;
  return (exchange->request.left_out & bit) == 0 ? 1 : 0;
}

}  // extern "C"
