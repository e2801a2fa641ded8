#include "client/session.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/exit_code.h"
#include "google/protobuf/util/json_util.h"

namespace stressd::client {
namespace {

std::string Json(const google::protobuf::Message& message, bool whitespace) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = whitespace;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) return absl::StrCat("{\"error\":\"", status.ToString(), "\"}");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

std::string ResolveAddress(const std::string& flag) {
  if (!flag.empty()) return flag;
  if (const char* address = std::getenv("STRESSD_ADDRESS"); address != nullptr && *address != 0) {
    return address;
  }
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime != 0) {
    return absl::StrCat("unix:", runtime, "/stressd/stressd.sock");
  }
  return "unix:/run/stressd/stressd.sock";
}

Session::Session(SessionOptions options) : options_(std::move(options)), color_(UseColor(1)) {
  grpc::ChannelArguments arguments;
  // A finished run carries reports and stacks; the daemon bounds them.
  arguments.SetMaxReceiveMessageSize(16 * 1024 * 1024);
  channel_ =
      grpc::CreateCustomChannel(options_.address, grpc::InsecureChannelCredentials(), arguments);
}

void Session::Prepare(grpc::ClientContext& context) const {
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
}

bool Session::WaitUntilReachable(absl::Duration timeout) const {
  return channel_->WaitForConnected(absl::ToChronoTime(absl::Now() + timeout));
}

void Session::PrintMessage(const google::protobuf::Message& message) const {
  std::cout << Json(message, options_.format == OutputFormat::kJson) << std::endl;
}

void Session::PrintMessages(const std::vector<const google::protobuf::Message*>& messages) const {
  const bool array = options_.format == OutputFormat::kJson;
  if (array) std::cout << "[";
  const char* separator = "";
  for (const google::protobuf::Message* message : messages) {
    std::cout << separator << Json(*message, false);
    separator = array ? ",\n " : "\n";
  }
  if (array) std::cout << "]";
  if (array || !messages.empty()) std::cout << std::endl;
}

void Session::PrintTable(const Table& table) const { table.Print(std::cout, color_); }

int Session::Fail(const grpc::Status& status) const {
  const int code = ExitCodeOf(status);
  std::cerr << "stressctl: ";
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    std::cerr << "cannot reach stressd at " << options_.address << ": ";
  }
  std::cerr << status.error_message() << std::endl;
  return code;
}

}  // namespace stressd::client
