// Signals that end a schedule: writes down who crashed and where.
//
// Model.  One handler on a stack of its own for the signals of a crash; it only
// takes those that the program has left at their default.
// Thread safety.  The engine's OS thread only.
#ifndef STRESSD_EXPLORE_CRASH_HANDLER_H_
#define STRESSD_EXPLORE_CRASH_HANDLER_H_

namespace explore {

void InstallCrashHandler();

// What the handler says instead of the signal's name: a failed assertion's text.
void SetCrashMessage(const char* text);

}  // namespace explore

#endif  // STRESSD_EXPLORE_CRASH_HANDLER_H_
