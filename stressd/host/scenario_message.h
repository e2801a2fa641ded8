// The registry of scenarios as a message of the host protocol.
//
// Thread safety.  Any thread.
#ifndef STRESSD_HOST_SCENARIO_MESSAGE_H_
#define STRESSD_HOST_SCENARIO_MESSAGE_H_

#include "stressd/protocol/host.pb.h"

namespace stressd::host {

// Describes every scenario, sorted by name.
protocol::ScenarioList DescribeScenarios();

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_MESSAGE_H_
