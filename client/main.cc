#include "client/command_line.h"
#include "client/interrupt.h"

int main(int argc, char** argv) {
  // Before gRPC starts its threads: they inherit the blocked signals.
  stressd::client::Interrupt::Install();
  return stressd::client::ExecuteCommandLine(argc, argv);
}
