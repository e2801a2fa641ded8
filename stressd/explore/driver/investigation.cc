#include "stressd/explore/driver/investigation.h"

#include <sstream>

#include "stressd/explore/driver/optional_parts.h"

namespace explore {
namespace {

// A longer schedule is for the file, not for the eye.
constexpr size_t kShownSegments = 40;

SymbolizedStack Symbolize(Symbolizer& symbolizer, const std::string& title,
                          const std::vector<uint64_t>& frames) {
  SymbolizedStack stack;
  stack.title = title;
  symbolizer.Prefetch(frames);
  for (size_t i = 0; i < frames.size(); ++i) {
    if (frames[i] == 0) continue;
    const std::string& frame = symbolizer.Describe(frames[i]);
    // What called the thread's function is the engine and the C++ library.
    const bool ours = frame.rfind("explore::Engine::", 0) == 0 ||
                      frame.rfind("explore::(anonymous namespace)::", 0) == 0;
    if (ours || (i > 0 && frame.rfind("0x", 0) == 0)) continue;
    stack.frames.push_back(frame);
  }
  return stack;
}

const char* ReasonText(SwitchReason reason) {
  switch (reason) {
    case SwitchReason::kPreempted:
      return "is preempted before";
    case SwitchReason::kBlocked:
      return "blocks in";
    case SwitchReason::kYielded:
      return "yields at";
    case SwitchReason::kEnded:
      return "ends";
    case SwitchReason::kDrained:
      return "pauses before";
  }
  return "";
}

std::string SegmentLine(const Segment& segment, Symbolizer& symbolizer) {
  std::string line = AgentName(segment.agent);
  if (segment.agent >= kDrainAgent) {
    return line + " lets go the store of " +
           (segment.pc == 0 ? std::string("?") : symbolizer.Describe(segment.pc));
  }
  if (segment.until == kNoEnd) return line + " runs to the end";
  line +=
      " runs to its operation " + std::to_string(segment.until) + ", " + ReasonText(segment.reason);
  if (segment.pc != 0) line += " " + symbolizer.Describe(segment.pc);
  return line;
}

void Explain(Target& target, CampaignOptions options, Investigation& investigation) {
  const Finding& minimal = investigation.minimized.finding;
  options.left_out = investigation.minimized.left_out;
  Finding traced = RunSegments(target, options, minimal.segments, minimal.schedule.seed,
                               /*trace=*/true);
  const Trace trace = Trace::Take(target);
  Symbolizer symbolizer(target.program(), traced.image_base);
  for (const FindingStack& stack : traced.stacks) {
    investigation.stacks.push_back(
        Symbolize(symbolizer, stack.title,
                  std::vector<uint64_t>(stack.frames, stack.frames + stack.frame_count)));
  }
  const std::optional<CriticalPair> pair = FindCriticalPair(trace, traced.segments);
  if (pair.has_value()) {
    for (const size_t position : {pair->first, pair->second}) {
      const Event& event = trace.events[position];
      investigation.pair.push_back(
          Symbolize(symbolizer, AgentName(event.agent) + ": " + EventKindName(event.kind),
                    trace.Stack(event)));
    }
  }
  investigation.timeline = Timeline(trace, symbolizer);
  ScheduleFile& file = investigation.file;
  file.build_id = target.build_id();
  file.verdict = VerdictName(minimal.verdict);
  file.message = minimal.message;
  file.model = options.model;
  file.seed = minimal.schedule.seed;
  file.left_out = options.left_out;
  for (const Segment& segment : traced.segments) {
    investigation.switches.push_back(SegmentLine(segment, symbolizer));
    Segment relative = segment;
    if (relative.pc != 0) relative.pc -= traced.image_base;
    file.segments.push_back(relative);
    file.functions.push_back(segment.pc == 0 ? "" : symbolizer.Function(segment.pc));
  }
}

void AddStack(std::ostringstream& out, const SymbolizedStack& stack) {
  out << "  " << stack.title << "\n";
  for (size_t i = 0; i < stack.frames.size(); ++i) {
    out << "    #" << i << " " << stack.frames[i] << "\n";
  }
}

}  // namespace

Investigation Investigate(Target& target, const CampaignOptions& campaign, const Finding& finding,
                          uint64_t replays) {
  CampaignOptions options = campaign;
  // What is searched here is no progress of the campaign's.
  options.on_batch = nullptr;
  Investigation investigation;
  investigation.finding = finding;
  for (uint64_t i = 0; i < replays; ++i) {
    // A schedule of an exhaustive search has no name.
    const bool named = finding.schedule.arm.kind != StrategyKind::kPrefix;
    const Finding again =
        named ? RunNamed(target, options, finding.schedule, /*trace=*/false)
              : RunSegments(target, options, finding.segments, finding.schedule.seed, false);
    ++investigation.replays;
    if (again.verdict == finding.verdict && again.status == finding.status) {
      ++investigation.replayed;
    }
  }
  if (finding.verdict == Verdict::kHung || finding.verdict == Verdict::kDiverged) {
    investigation.minimized.finding = finding;
    return investigation;
  }
  investigation.minimized = Minimize(target, options, finding);
  Explain(target, options, investigation);
  return investigation;
}

Finding ReplayFile(Target& target, const CampaignOptions& campaign, const ScheduleFile& file,
                   std::string& note) {
  CampaignOptions options = campaign;
  options.left_out = file.left_out;
  // The load address is known once a schedule has run.
  const bool same_build = file.build_id == target.build_id();
  std::vector<Segment> segments = file.segments;
  RunSegments(target, options, {}, file.seed, /*trace=*/false);
  const uint64_t image_base = target.result().image_base;
  for (Segment& segment : segments) {
    segment.pc = same_build && segment.pc != 0 ? segment.pc + image_base : 0;
  }
  Finding finding = RunSegments(target, options, segments, file.seed, /*trace=*/false);
  note = target.result().divergence != 0 ? target.result().divergence_note : "";
  if (same_build || !note.empty()) return finding;
  Symbolizer symbolizer(target.program(), finding.image_base);
  for (size_t i = 0; i < finding.segments.size() && i < file.segments.size(); ++i) {
    const Segment& segment = finding.segments[i];
    const std::string function = segment.pc == 0 ? "" : symbolizer.Function(segment.pc);
    if (segment.agent == file.segments[i].agent && function == file.functions[i]) continue;
    note = "segment " + std::to_string(i + 1) + ": " + AgentName(segment.agent) + " stopped in '" +
           function + "', recorded was " + AgentName(file.segments[i].agent) + " in '" +
           file.functions[i] + "'";
    break;
  }
  return finding;
}

std::string Describe(const Investigation& investigation, const std::string& command,
                     const std::string& options_text) {
  std::ostringstream out;
  const Finding& finding = investigation.finding;
  const Minimized& minimized = investigation.minimized;
  out << "FOUND " << VerdictName(finding.verdict) << ": " << finding.message << "\n";
  out << "  in schedule " << finding.index << ", " << finding.count << " like it; model "
      << ModelName(finding.schedule.model) << "\n";
  if (finding.schedule.arm.kind == StrategyKind::kPrefix) {
    out << "  replay: the same search again, or the file of --save-schedule\n";
  } else {
    out << "  replay: stress-explore --replay " << finding.schedule.Text() << options_text << " -- "
        << command << "\n";
  }
  out << "  replayed " << investigation.replayed << " of " << investigation.replays << "\n";
  if (minimized.attempts > 0) {
    out << "  minimized from " << finding.preemptions << " to " << minimized.finding.preemptions
        << " preemptions (" << minimized.attempts << " schedules):\n";
    if (minimized.left_out != 0) {
      out << "    left out: " << PartsText(minimized.left_out, minimized.asked_parts) << "\n";
    }
    const size_t count = investigation.switches.size();
    for (size_t i = 0; i < count && i < kShownSegments; ++i) {
      out << "    " << investigation.switches[i] << "\n";
    }
    if (count > kShownSegments) out << "    and " << count - kShownSegments << " more\n";
  }
  if (!investigation.pair.empty()) {
    out << "critical pair:\n";
    for (const SymbolizedStack& stack : investigation.pair) AddStack(out, stack);
  }
  if (!investigation.stacks.empty()) out << "at the end:\n";
  for (const SymbolizedStack& stack : investigation.stacks) AddStack(out, stack);
  if (!finding.output.empty()) {
    out << "the program printed:\n";
    std::istringstream lines(finding.output);
    for (std::string line; std::getline(lines, line);) out << "    " << line << "\n";
  }
  return out.str();
}

}  // namespace explore
