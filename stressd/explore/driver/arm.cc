#include "stressd/explore/driver/arm.h"

#include <cstdlib>

namespace explore {

std::string Arm::Name() const {
  switch (kind) {
    case StrategyKind::kRandomWalk:
      return "rw";
    case StrategyKind::kUniformWalk:
      return "urw";
    case StrategyKind::kPct:
      return "pct:" + std::to_string(depth);
    case StrategyKind::kPos:
      return "pos";
    case StrategyKind::kStarvation:
      return "starve";
    case StrategyKind::kPrefix:
      return "dfs";
    case StrategyKind::kDirected:
      return "directed";
  }
  return "";
}

std::optional<Arm> ParseArm(const std::string& name) {
  Arm arm;
  if (name == "rw") return arm;
  if (name == "urw") {
    arm.kind = StrategyKind::kUniformWalk;
    return arm;
  }
  if (name == "pos") {
    arm.kind = StrategyKind::kPos;
    return arm;
  }
  if (name == "starve") {
    arm.kind = StrategyKind::kStarvation;
    return arm;
  }
  if (name.rfind("pct:", 0) == 0) {
    char* end = nullptr;
    const unsigned long depth = strtoul(name.c_str() + 4, &end, 10);
    if (*end != '\0' || depth < 1 || depth > 8) return std::nullopt;
    arm.kind = StrategyKind::kPct;
    arm.depth = static_cast<uint32_t>(depth);
    return arm;
  }
  return std::nullopt;
}

std::vector<Arm> Portfolio() {
  std::vector<Arm> arms;
  for (const char* name : {"pos", "pct:3", "urw", "pct:2", "starve", "rw", "pct:4", "pct:5"}) {
    arms.push_back(*ParseArm(name));
  }
  return arms;
}

const char* ModelName(MemoryModel model) {
  switch (model) {
    case MemoryModel::kSequential:
      return "sc";
    case MemoryModel::kTso:
      return "tso";
    case MemoryModel::kPso:
      return "pso";
  }
  return "";
}

std::optional<MemoryModel> ParseModel(const std::string& name) {
  for (const MemoryModel model : {MemoryModel::kSequential, MemoryModel::kTso, MemoryModel::kPso}) {
    if (name == ModelName(model)) return model;
  }
  return std::nullopt;
}

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "passed";
    case Verdict::kDataRace:
      return "data-race";
    case Verdict::kUseAfterFree:
      return "use-after-free";
    case Verdict::kDoubleFree:
      return "double-free";
    case Verdict::kDeadlock:
      return "deadlock";
    case Verdict::kLivelock:
      return "livelock";
    case Verdict::kMisuse:
      return "misuse";
    case Verdict::kCheck:
      return "check";
    case Verdict::kCrashed:
      return "crashed";
    case Verdict::kExited:
      return "exited";
    case Verdict::kHung:
      return "hung";
    case Verdict::kUnsupported:
      return "unsupported";
    case Verdict::kDiverged:
      return "diverged";
  }
  return "";
}

}  // namespace explore
