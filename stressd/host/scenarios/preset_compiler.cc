// Turns the files of configs/scenarios into the table of registry.h, at build
// time: preset_compiler OUTPUT.cc INPUT.textproto...

#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "google/protobuf/text_format.h"
#include "stressd/host/scenario/preset.pb.h"

namespace {

// Returns `text` as a C++ string literal.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

// Appends the table entries of one file; false, with a message, if it is wrong.
bool AddFile(const char* path, std::string& arrays, std::string& entries, int& preset_count) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  stressd::host::ScenarioPresets presets;
  if (!file || !google::protobuf::TextFormat::ParseFromString(text.str(), &presets)) {
    std::cerr << path << ": cannot be read as ScenarioPresets\n";
    return false;
  }
  for (const auto& preset : presets.preset()) {
    const std::string array = "kPreset" + std::to_string(preset_count++);
    // Sorted, so that the output does not depend on a hash.
    const std::map<std::string, std::string> sorted(preset.parameters().begin(),
                                                    preset.parameters().end());
    if (!sorted.empty()) {
      arrays += "constexpr PresetParameter " + array + "[] = {\n";
      for (const auto& [name, value] : sorted) {
        arrays += "    {" + Quoted(name) + ", " + Quoted(value) + "},\n";
      }
      arrays += "};\n";
    }
    entries += "    {" + Quoted(presets.scenario()) + ", " + Quoted(preset.name()) + ", " +
               (sorted.empty() ? "{}" : array) + "},\n";
  }
  return true;
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count < 3) {
    std::cerr << "usage: preset_compiler OUTPUT.cc INPUT.textproto...\n";
    return 2;
  }
  std::string arrays;
  std::string entries;
  int preset_count = 0;
  for (int i = 2; i < argument_count; ++i) {
    if (!AddFile(arguments[i], arrays, entries, preset_count)) return 1;
  }
  std::ofstream output(arguments[1]);
  output << "#include \"stressd/host/scenario/registry.h\"\n\n"
         << "namespace stressd::host {\nnamespace {\n\n"
         << arrays << "\nconstexpr Preset kPresets[] = {\n"
         << entries << "};\n\n}  // namespace\n\n"
         << "absl::Span<const Preset> Presets() { return kPresets; }\n\n"
         << "}  // namespace stressd::host\n";
  return output.flush() ? 0 : 1;
}
