#include "stressd/explore/driver/schedule_file.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace explore {
namespace {

constexpr int kFormat = 1;
constexpr const char* kReasons[] = {"preempted", "blocked", "yielded", "ended", "drained"};

}  // namespace

std::string WriteScheduleFile(const std::string& path, const ScheduleFile& schedule) {
  nlohmann::json segments = nlohmann::json::array();
  for (size_t i = 0; i < schedule.segments.size(); ++i) {
    const Segment& segment = schedule.segments[i];
    segments.push_back({{"agent", segment.agent},
                        {"until", segment.until},
                        {"reason", kReasons[static_cast<uint32_t>(segment.reason)]},
                        {"pick", segment.pick},
                        {"pc", segment.pc},
                        {"function", i < schedule.functions.size() ? schedule.functions[i] : ""}});
  }
  nlohmann::json left_out = nlohmann::json::array();
  for (uint32_t part = 0; part < kMaxParts; ++part) {
    if ((schedule.left_out >> part & 1) != 0) left_out.push_back(part);
  }
  const nlohmann::json document = {{"format", kFormat},
                                   {"build_id", schedule.build_id},
                                   {"verdict", schedule.verdict},
                                   {"message", schedule.message},
                                   {"model", ModelName(schedule.model)},
                                   {"seed", schedule.seed},
                                   {"left_out", left_out},
                                   {"segments", segments}};
  std::ofstream file(path);
  file << document.dump(1) << "\n";
  file.close();
  return file ? "" : "cannot write " + path;
}

std::string ReadScheduleFile(const std::string& path, ScheduleFile& schedule) {
  std::ifstream file(path);
  if (!file) return "cannot read " + path;
  const nlohmann::json document = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded() || !document.is_object() || document.value("format", 0) != kFormat ||
      !document.contains("segments") || !document["segments"].is_array()) {
    return path + " is no schedule file of format 1";
  }
  schedule.build_id = document.value("build_id", "");
  schedule.verdict = document.value("verdict", "");
  schedule.message = document.value("message", "");
  schedule.seed = document.value("seed", uint64_t{0});
  const auto model = ParseModel(document.value("model", "sc"));
  if (!model.has_value()) return path + ": model must be sc, tso or pso";
  schedule.model = *model;
  for (const nlohmann::json& part : document.value("left_out", nlohmann::json::array())) {
    if (!part.is_number_unsigned() || part.get<uint64_t>() >= kMaxParts) {
      return path + ": left_out has " + part.dump() + ", must be 0 to " +
             std::to_string(kMaxParts - 1);
    }
    schedule.left_out |= uint64_t{1} << part.get<uint64_t>();
  }
  for (const nlohmann::json& item : document["segments"]) {
    Segment segment{};
    segment.agent = item.value("agent", 0u);
    segment.until = item.value("until", uint64_t{0});
    segment.pick = item.value("pick", uint16_t{0});
    segment.pc = item.value("pc", uint64_t{0});
    const std::string reason = item.value("reason", "");
    for (uint32_t i = 0; i < 5; ++i) {
      if (reason == kReasons[i]) segment.reason = static_cast<SwitchReason>(i);
    }
    if (segment.agent >= kAgentCount) {
      return path + ": agent is " + std::to_string(segment.agent) + ", must be 0 to " +
             std::to_string(kAgentCount - 1);
    }
    schedule.segments.push_back(segment);
    schedule.functions.push_back(item.value("function", ""));
  }
  return "";
}

}  // namespace explore
