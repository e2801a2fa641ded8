// Parameters: the declared inputs of a scenario and their values for one run.
//
// Model.  A scenario declares a table of ParameterSpec: name, type, default,
//   allowed range, documentation. Values arrive as text (from the command line,
//   a preset, a message) and are parsed against that table once, before
//   anything runs. The scenario then reads typed values by name.
// Invariants.  P1: every value of a Parameters lies in its declared range.
//   P2: reading a name that is not declared, or with another type, is a
//   programming error and ends the process.
// Thread safety.  Const after parsing: any thread.

#ifndef STRESSD_HOST_SCENARIO_PARAMETERS_H_
#define STRESSD_HOST_SCENARIO_PARAMETERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace stressd::host {

enum class ParameterType { kInt64, kDouble, kBool, kDuration, kChoice };

// Returns the type's name: "int64", "double", "bool", "duration" or "choice".
std::string_view ParameterTypeName(ParameterType type);

// What a number counts, for limits that hold whatever the parameter is called.
enum class ParameterCounts { kNothing, kThreads, kOperations, kBytes };

// Returns "", "threads", "operations" or "bytes".
std::string_view ParameterCountsName(ParameterCounts counts);

using ParameterValue = std::variant<int64_t, double, bool, absl::Duration, std::string_view>;

// One declared parameter. Made by the functions below; the fields that its
// type does not use keep their initial value.
struct ParameterSpec {
  std::string_view name;  // snake_case.
  ParameterType type = ParameterType::kInt64;
  std::string_view doc;  // One sentence; for a number, with its unit.
  ParameterValue default_value = int64_t{0};
  ParameterValue minimum = int64_t{0};  // Of the default's type.
  ParameterValue maximum = int64_t{0};  // Included in the range.
  absl::Span<const std::string_view> choices;
  ParameterCounts counts = ParameterCounts::kNothing;
};

constexpr ParameterSpec IntParameter(std::string_view name, int64_t default_value, int64_t minimum,
                                     int64_t maximum, std::string_view doc,
                                     ParameterCounts counts = ParameterCounts::kNothing) {
  return {name, ParameterType::kInt64, doc, default_value, minimum, maximum, {}, counts};
}

constexpr ParameterSpec DoubleParameter(std::string_view name, double default_value, double minimum,
                                        double maximum, std::string_view doc) {
  return {name, ParameterType::kDouble, doc, default_value, minimum, maximum, {}};
}

constexpr ParameterSpec BoolParameter(std::string_view name, bool default_value,
                                      std::string_view doc) {
  return {name, ParameterType::kBool, doc, default_value, false, true, {}};
}

constexpr ParameterSpec DurationParameter(std::string_view name, absl::Duration default_value,
                                          absl::Duration minimum, absl::Duration maximum,
                                          std::string_view doc) {
  return {name, ParameterType::kDuration, doc, default_value, minimum, maximum, {}};
}

// `choices` must outlive the spec: a constexpr array.
constexpr ParameterSpec ChoiceParameter(std::string_view name, std::string_view default_value,
                                        absl::Span<const std::string_view> choices,
                                        std::string_view doc) {
  return {name, ParameterType::kChoice, doc, default_value, default_value, default_value, choices};
}

// What every scenario takes beside its own parameters; the host sees to them.
inline constexpr ParameterSpec kCommonParameters[] = {
    IntParameter("check_every", 0, 0, 1'000'000,
                 "Every how many stops of the world all invariants of the runtime core are "
                 "checked; 0: never."),
};

// Returns `value` in the spelling that Parameters::Parse() accepts.
std::string ParameterValueText(const ParameterValue& value);

// Returns what `spec` allows, as in "a whole number from 1 to 64".
std::string AllowedText(const ParameterSpec& spec);

// Parameter texts by name, as they arrive from outside.
using ParameterTexts = std::map<std::string, std::string, std::less<>>;

class Parameters {
 public:
  // Parses `texts` against `specs`; a parameter without a text gets its default.
  // Returns InvalidArgumentError naming the parameter, the text and what is
  // allowed if one is unknown, malformed, out of range or does not fit its type.
  static absl::StatusOr<Parameters> Parse(absl::Span<const ParameterSpec> specs,
                                          const ParameterTexts& texts);

  // Return the value of a declared parameter of that type (P2).
  int64_t GetInt(std::string_view name) const;
  double GetDouble(std::string_view name) const;
  bool GetBool(std::string_view name) const;
  absl::Duration GetDuration(std::string_view name) const;
  std::string_view GetChoice(std::string_view name) const;

  // Returns every value as text, defaults included: enough to repeat the run.
  ParameterTexts Texts() const;

 private:
  explicit Parameters(absl::Span<const ParameterSpec> specs);

  const ParameterValue& Get(std::string_view name, ParameterType type) const;

  std::vector<ParameterSpec> specs_;
  std::vector<ParameterValue> values_;  // In the order of specs_.
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_PARAMETERS_H_
