// The program under test, as the driver holds it: a child process that waits at
// its fork point and runs schedules on request.
//
// Model.  Start() runs the program, with address space randomization off so
// that every start looks alike, and waits until it reaches its fork point. Run()
// has it execute the batch in `request()`, and kills a schedule that takes
// longer than the time limit.
// Thread safety.  One thread at a time.
#ifndef STRESSD_EXPLORE_DRIVER_TARGET_H_
#define STRESSD_EXPLORE_DRIVER_TARGET_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "stressd/explore/exchange.h"

namespace explore {

// The build id in the file of a program; without one a hash of the file; "unknown" if
// it cannot be read or is no program.
std::string BuildIdOf(const std::string& program);

class Target {
 public:
  // `timeout_s`: of one schedule, in seconds, above 0.
  Target(std::vector<std::string> command, double timeout_s);
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // Empty, or what went wrong: the program does not start, does not reach a
  // fork point, or was not built for the engine.
  std::string Start();

  Request& request() { return exchange_->request; }
  const Result& result() const { return exchange_->result; }
  Exchange& exchange() { return *exchange_; }
  bool in_process() const { return exchange_->in_process != 0; }

  // Executes the batch. False if the program itself has died.
  bool Run();

  // The last bytes of what the last schedule printed.
  std::string Output() const;
  // Processor time of the program and of its children that have ended, to a clock tick.
  double CpuSeconds() const;
  // The program's file, resolved; its build id or, without one, its size and
  // time as text.
  const std::string& program() const { return program_; }
  const std::string& build_id() const { return build_id_; }

 private:
  std::vector<std::string> command_;
  double timeout_s_;
  std::string program_;
  std::string build_id_;
  pid_t pid_ = -1;
  int commands_ = -1;
  int answers_ = -1;
  int output_ = -1;
  Exchange* exchange_ = nullptr;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_TARGET_H_
