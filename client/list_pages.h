// Reads the pages of a list until it ends or enough has been read.
//
// Thread safety.  Called from the main thread.
#ifndef CLIENT_LIST_PAGES_H_
#define CLIENT_LIST_PAGES_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <cstdint>

#include "client/session.h"

namespace stressd::client {

// Calls `method(context, request, response)` page by page and `take(response)`,
// which returns how many elements it took, for each. Stops after `limit`
// elements (0: no limit) or with the first error, which it returns.
template <typename Request, typename Response, typename Method, typename Take>
grpc::Status ForEachPage(const Session& session, Request request, int32_t limit, Method method,
                         Take take) {
  // 500: a few hundred KiB a page, within what the daemon allows.
  constexpr int32_t kPageSize = 500;
  int32_t taken = 0;
  while (true) {
    request.set_page_size(limit == 0 ? kPageSize : std::min(limit - taken, kPageSize));
    grpc::ClientContext context;
    session.Prepare(context);
    Response response;
    if (grpc::Status status = method(&context, request, &response); !status.ok()) return status;
    taken += take(response);
    if (response.next_page_token().empty() || (limit != 0 && taken >= limit)) {
      return grpc::Status::OK;
    }
    request.set_page_token(response.next_page_token());
  }
}

}  // namespace stressd::client

#endif  // CLIENT_LIST_PAGES_H_
