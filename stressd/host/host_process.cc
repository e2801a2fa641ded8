#include "stressd/host/host_process.h"

#include <cstdio>
#include <utility>

#include "stressd/host/balance_message.h"
#include "stressd/host/crash_handler.h"
#include "stressd/host/failure_hooks.h"
#include "stressd/host/flavor.h"

namespace stressd::host {

HostProcess::HostProcess(protocol::BlackBoxMapping box)
    : box_(std::move(box)), writer_(box_.memory()) {}

// The hooks forget the box before it is unmapped.
HostProcess::~HostProcess() {
  runtime_.reset();
  InstallFailureHooks(nullptr);
  InstallCrashHandler(nullptr);
}

bool HostProcess::Start() {
  writer_.Format(FlavorName(), FlavorBuildId());
  NameCounters(writer_);
  InstallFailureHooks(&writer_);
  InstallCrashHandler(&writer_);
  rt::RuntimeConfig config;
  config.counter_memory = writer_.counters();
  config.counter_memory_bytes = sizeof(protocol::CounterSection);
  runtime_ = rt::Runtime::Create(config);
  if (runtime_ == nullptr) {
    std::fprintf(stderr, "stressd: host: no memory for a runtime\n");
    return false;
  }
  return true;
}

}  // namespace stressd::host
