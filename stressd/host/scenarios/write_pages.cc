// Writes docs/scenarios: write_pages [FOLDER]. Without a folder, that of the
// workspace `bazel run` was called in.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "stressd/host/scenario/registry.h"
#include "stressd/host/scenarios/scenario_page.h"

namespace {

bool Write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  if (file.flush()) return true;
  std::cerr << "cannot write " << path << "\n";
  return false;
}

}  // namespace

int main(int argument_count, char** arguments) {
  std::string folder;
  if (argument_count == 2) {
    folder = arguments[1];
  } else if (const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY")) {
    folder = std::string(workspace) + "/docs/scenarios";
  } else {
    std::cerr << "usage: write_pages FOLDER\n";
    return 2;
  }
  bool written = Write(folder + "/README.md", stressd::host::ScenarioIndexPage());
  for (const auto* scenario : stressd::host::Scenarios()) {
    written = Write(folder + "/" + stressd::host::ScenarioPageFile(*scenario),
                    stressd::host::ScenarioPage(*scenario)) &&
              written;
  }
  return written ? 0 : 1;
}
