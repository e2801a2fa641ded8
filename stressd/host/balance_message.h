// The runtime's figures as messages of the host protocol.
//
// Thread safety.  As the functions of the interpreter that are asked: any thread.
#ifndef STRESSD_HOST_BALANCE_MESSAGE_H_
#define STRESSD_HOST_BALANCE_MESSAGE_H_

#include <cstdint>
#include <string>

#include "google/protobuf/map.h"
#include "runtime/state/balance.h"
#include "runtime/state/interpreter.h"
#include "runtime/stats/counter_block.h"
#include "stressd/protocol/black_box_writer.h"
#include "stressd/protocol/host.pb.h"

namespace stressd::host {

// Fills `out` with `balance`, taken of `interpreter`, which names its types.
void FillBalance(const rt::BalanceSnapshot& balance, const rt::Interpreter& interpreter,
                 protocol::Balance* out);

// Fills `out` with the counters that are not 0, by name.
void FillCounters(const rt::CounterTotals& counters,
                  google::protobuf::Map<std::string, int64_t>* out);

// Names the counters in a black box.
void NameCounters(protocol::BlackBoxWriter& writer);
// Names the types of `interpreter` in a black box.
void NameTypes(const rt::Interpreter& interpreter, protocol::BlackBoxWriter& writer);

}  // namespace stressd::host

#endif  // STRESSD_HOST_BALANCE_MESSAGE_H_
