// What every command of stressctl shares: the channel to the daemon, deadlines,
// the output format and the ways to print a message or an error.
//
// Model.  Results go to stdout in the format asked for, everything else to
// stderr. A unary call has the deadline of `--timeout`; a stream has none.
// Thread safety.  The channel is; printing is for the main thread.
#ifndef CLIENT_SESSION_H_
#define CLIENT_SESSION_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/table.h"
#include "google/protobuf/message.h"

namespace stressd::client {

enum class OutputFormat { kTable, kJson, kNdjson };

struct SessionOptions {
  std::string address;  // As gRPC names it: unix:PATH, HOST:PORT.
  OutputFormat format = OutputFormat::kTable;
  absl::Duration timeout = absl::Seconds(30);
};

// The address to use: `flag`, else STRESSD_ADDRESS, else the daemon's default
// unix socket of this user.
std::string ResolveAddress(const std::string& flag);

class Session {
 public:
  explicit Session(SessionOptions options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  OutputFormat format() const { return options_.format; }
  bool is_table() const { return options_.format == OutputFormat::kTable; }
  const std::string& address() const { return options_.address; }
  bool color() const { return color_; }

  // Sets the deadline of a unary call.
  void Prepare(grpc::ClientContext& context) const;

  // Blocks until the daemon is reachable or `timeout` has passed.
  bool WaitUntilReachable(absl::Duration timeout) const;

  // Prints one message: over several lines as JSON, on one line as NDJSON. Must
  // not be called for tables.
  void PrintMessage(const google::protobuf::Message& message) const;

  // Prints a list as one JSON array or as one line an element.
  template <typename Message>
  void PrintList(const std::vector<Message>& list) const {
    std::vector<const google::protobuf::Message*> messages;
    messages.reserve(list.size());
    for (const Message& message : list) messages.push_back(&message);
    PrintMessages(messages);
  }

  // Calls a unary method of `stub` with the session's deadline.
  template <typename Stub, typename Request, typename Response>
  grpc::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) const {
    grpc::ClientContext context;
    Prepare(context);
    return (stub.*method)(&context, request, response);
  }

  void PrintTable(const Table& table) const;

  // Says on stderr why a call failed, and returns its exit code.
  int Fail(const grpc::Status& status) const;

 private:
  void PrintMessages(const std::vector<const google::protobuf::Message*>& messages) const;

  SessionOptions options_;
  std::shared_ptr<grpc::Channel> channel_;
  bool color_;
};

}  // namespace stressd::client

#endif  // CLIENT_SESSION_H_
