// The command line of stressctl: parses it and executes the command it names.
//
// Thread safety.  Called once, from the main thread.
#ifndef CLIENT_COMMAND_LINE_H_
#define CLIENT_COMMAND_LINE_H_

namespace stressd::client {

// Returns the exit code.
int ExecuteCommandLine(int argc, const char* const* argv);

}  // namespace stressd::client

#endif  // CLIENT_COMMAND_LINE_H_
