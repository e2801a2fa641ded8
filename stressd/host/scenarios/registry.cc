#include "stressd/host/scenario/registry.h"

#include "absl/types/span.h"

namespace stressd::host {

// One line per scenario, sorted by name.
#define STRESSD_SCENARIOS(SCENARIO) \
  SCENARIO(AllocationFailure)       \
  SCENARIO(CanaryCrash)             \
  SCENARIO(CanaryDrift)             \
  SCENARIO(CanaryHang)              \
  SCENARIO(CanaryLeak)              \
  SCENARIO(CanaryRace)              \
  SCENARIO(CanaryUseAfterFree)      \
  SCENARIO(CollectStorm)            \
  SCENARIO(CountHandover)           \
  SCENARIO(DelayedFreeStorm)        \
  SCENARIO(Empty)                   \
  SCENARIO(ForeignFinalize)         \
  SCENARIO(ForkStorm)               \
  SCENARIO(FreelistChurn)           \
  SCENARIO(HeapAbandon)             \
  SCENARIO(InterpreterChurn)        \
  SCENARIO(LateAttach)              \
  SCENARIO(LitmusAbandonFree)       \
  SCENARIO(LitmusAttachPoll)        \
  SCENARIO(LitmusBlockedOwner)      \
  SCENARIO(LitmusDecrefMerge)       \
  SCENARIO(LitmusIdReuse)           \
  SCENARIO(LitmusLockHandover)      \
  SCENARIO(LitmusPushTryIncref)     \
  SCENARIO(LitmusQueueExit)         \
  SCENARIO(LitmusResizeRead)        \
  SCENARIO(LitmusSharedCount)       \
  SCENARIO(LitmusStopAttach)        \
  SCENARIO(LitmusWeakDeath)         \
  SCENARIO(Mixed)                   \
  SCENARIO(QsbrStall)               \
  SCENARIO(ReferenceTotals)         \
  SCENARIO(StateChurn)              \
  SCENARIO(StopTheWorldStorm)       \
  SCENARIO(ThreadChurn)             \
  SCENARIO(TypeChurn)

#define STRESSD_DECLARE(scenario) extern const ScenarioDeclaration k##scenario##Declaration;
STRESSD_SCENARIOS(STRESSD_DECLARE)
#undef STRESSD_DECLARE

namespace {

#define STRESSD_ENTRY(scenario) &k##scenario##Declaration,
constexpr const ScenarioDeclaration* kScenarios[] = {STRESSD_SCENARIOS(STRESSD_ENTRY)};
#undef STRESSD_ENTRY
#undef STRESSD_SCENARIOS

}  // namespace

absl::Span<const ScenarioDeclaration* const> Scenarios() { return kScenarios; }

}  // namespace stressd::host
