#include "stressd/host/scenario/parameters.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace stressd::host {
namespace {

// Returns true if `value` lies in the range of `spec`, both ends included.
template <typename T>
bool InRange(const ParameterSpec& spec, T value) {
  return value >= std::get<T>(spec.minimum) && value <= std::get<T>(spec.maximum);
}

// Parses `text` as a value of `spec`. Returns false if it is malformed, does
// not fit the type or is out of range.
bool ParseValue(const ParameterSpec& spec, const std::string& text, ParameterValue& out) {
  switch (spec.type) {
    case ParameterType::kInt64: {
      int64_t value = 0;
      if (!absl::SimpleAtoi(text, &value) || !InRange(spec, value)) return false;
      out = value;
      return true;
    }
    case ParameterType::kDouble: {
      double value = 0;
      if (!absl::SimpleAtod(text, &value) || !std::isfinite(value) || !InRange(spec, value)) {
        return false;
      }
      out = value;
      return true;
    }
    case ParameterType::kBool: {
      bool value = false;
      if (!absl::SimpleAtob(text, &value)) return false;
      out = value;
      return true;
    }
    case ParameterType::kDuration: {
      absl::Duration value;
      if (!absl::ParseDuration(text, &value) || !InRange(spec, value)) {
        return false;
      }
      out = value;
      return true;
    }
    case ParameterType::kChoice: {
      const auto found = std::find(spec.choices.begin(), spec.choices.end(), text);
      if (found == spec.choices.end()) return false;
      out = *found;
      return true;
    }
  }
  return false;
}

std::string NamesText(absl::Span<const ParameterSpec> specs) {
  if (specs.empty()) return "this scenario has none";
  std::string text = "declared are";
  for (const ParameterSpec& spec : specs) {
    absl::StrAppendFormat(&text, "%s %s", &spec == specs.data() ? "" : ",", spec.name);
  }
  return text;
}

}  // namespace

std::string_view ParameterTypeName(ParameterType type) {
  switch (type) {
    case ParameterType::kInt64:
      return "int64";
    case ParameterType::kDouble:
      return "double";
    case ParameterType::kBool:
      return "bool";
    case ParameterType::kDuration:
      return "duration";
    case ParameterType::kChoice:
      break;
  }
  return "choice";
}

std::string_view ParameterCountsName(ParameterCounts counts) {
  switch (counts) {
    case ParameterCounts::kNothing:
      return "";
    case ParameterCounts::kThreads:
      return "threads";
    case ParameterCounts::kOperations:
      return "operations";
    case ParameterCounts::kBytes:
      return "bytes";
  }
  return "";
}

std::string ParameterValueText(const ParameterValue& value) {
  struct Visitor {
    std::string operator()(int64_t number) const { return absl::StrCat(number); }
    std::string operator()(double number) const {
      // 17 digits: parses back to the same number.
      char text[40];
      std::snprintf(text, sizeof(text), "%.17g", number);
      double shorter = 0;
      const std::string short_text = absl::StrCat(number);
      return absl::SimpleAtod(short_text, &shorter) && shorter == number ? short_text : text;
    }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(absl::Duration duration) const { return absl::FormatDuration(duration); }
    std::string operator()(std::string_view choice) const { return std::string(choice); }
  };
  return std::visit(Visitor{}, value);
}

std::string AllowedText(const ParameterSpec& spec) {
  const auto range = [&spec](std::string_view what) {
    return absl::StrFormat("%s from %s to %s", what, ParameterValueText(spec.minimum),
                           ParameterValueText(spec.maximum));
  };
  switch (spec.type) {
    case ParameterType::kInt64:
      return range("a whole number");
    case ParameterType::kDouble:
      return range("a number");
    case ParameterType::kBool:
      return "true or false";
    case ParameterType::kDuration:
      return range("a duration");
    case ParameterType::kChoice:
      break;
  }
  std::string text = "one of";
  for (const std::string_view& choice : spec.choices) {
    absl::StrAppendFormat(&text, "%s %s", &choice == spec.choices.data() ? "" : ",", choice);
  }
  return text;
}

Parameters::Parameters(absl::Span<const ParameterSpec> specs) : specs_(specs.begin(), specs.end()) {
  values_.reserve(specs.size());
  for (const ParameterSpec& spec : specs) values_.push_back(spec.default_value);
}

absl::StatusOr<Parameters> Parameters::Parse(absl::Span<const ParameterSpec> specs,
                                             const ParameterTexts& texts) {
  Parameters parameters(specs);
  for (const auto& [name, text] : texts) {
    const auto spec =
        std::find_if(specs.begin(), specs.end(),
                     [&wanted = name](const ParameterSpec& s) { return s.name == wanted; });
    if (spec == specs.end()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("parameter \"%s\" does not exist: %s", name, NamesText(specs)));
    }
    const size_t index = static_cast<size_t>(spec - specs.begin());
    if (!ParseValue(*spec, text, parameters.values_[index])) {
      return absl::InvalidArgumentError(absl::StrFormat("parameter \"%s\": value \"%s\" is not %s",
                                                        name, text, AllowedText(*spec)));
    }
  }
  return parameters;
}

const ParameterValue& Parameters::Get(std::string_view name, ParameterType type) const {
  for (size_t i = 0; i < specs_.size(); ++i) {
    if (specs_[i].name == name && specs_[i].type == type) return values_[i];
  }
  std::fprintf(stderr, "P2: no parameter \"%.*s\" of type %s is declared\n",
               static_cast<int>(name.size()), name.data(),
               std::string(ParameterTypeName(type)).c_str());
  std::abort();
}

int64_t Parameters::GetInt(std::string_view name) const {
  return std::get<int64_t>(Get(name, ParameterType::kInt64));
}

double Parameters::GetDouble(std::string_view name) const {
  return std::get<double>(Get(name, ParameterType::kDouble));
}

bool Parameters::GetBool(std::string_view name) const {
  return std::get<bool>(Get(name, ParameterType::kBool));
}

absl::Duration Parameters::GetDuration(std::string_view name) const {
  return std::get<absl::Duration>(Get(name, ParameterType::kDuration));
}

std::string_view Parameters::GetChoice(std::string_view name) const {
  return std::get<std::string_view>(Get(name, ParameterType::kChoice));
}

ParameterTexts Parameters::Texts() const {
  ParameterTexts texts;
  for (size_t i = 0; i < specs_.size(); ++i) {
    texts.emplace(specs_[i].name, ParameterValueText(values_[i]));
  }
  return texts;
}

}  // namespace stressd::host
