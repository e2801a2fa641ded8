// Kernels of what goes between interpreters.
//
//   queue-destroy  a datum is taken out of a queue while its interpreter is destroyed:
//                  it is released once, at home or by who holds it

#include <cstdint>
#include <memory>

#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {
namespace {

// Counts the releases of the datum of `data`.
void CountRelease(void* data, rt::ThreadState* /*origin*/) {
  // relaxed: read after the strike's threads are joined.
  static_cast<rt::Atomic<int64_t>*>(data)->fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

void QueueDestroy() {
  Stage stage;
  const std::unique_ptr<rt::Exchange> exchange = rt::Exchange::Create(stage.runtime());
  Judge(exchange != nullptr, "no memory for an exchange");
  uint64_t queue = 0;
  Judge(rt::CreateQueue(*exchange, {}, &queue) == rt::ExchangeStatus::kOk, "no queue");
  rt::Interpreter* const origin = rt::Interpreter::Create(stage.runtime());
  Judge(origin != nullptr, "no second interpreter");
  rt::Atomic<int64_t> release_count{0};
  rt::Detach(stage.director());
  {
    rt::ScopedThreadState maker(*origin);
    Judge(static_cast<bool>(maker), "no thread state in the origin");
    rt::CrossData data =
        rt::CrossData::MakeOpaque(*exchange, *maker, &release_count, &CountRelease);
    Judge(rt::PutInQueue(*exchange, *maker, queue, data, 0) == rt::ExchangeStatus::kOk,
          "no room in the queue");
  }
  Judge(rt::Attach(stage.director()), "attach");
  rt::ThreadState& taker = stage.NewActor();
  stage.Strike(
      {[&] {
         Perform(taker, [&] {
           rt::CrossData data;
           // An opaque datum goes with its origin, if that is faster.
           const rt::ExchangeStatus status = rt::GetFromQueue(*exchange, taker, queue, &data, 0);
           Judge(status == rt::ExchangeStatus::kOk || status == rt::ExchangeStatus::kTimedOut,
                 "the queue is gone");
           data.Release();
         });
       },
       [&] { Judge(rt::Interpreter::Destroy(origin), "not destroyed"); }});
  // relaxed: the strike's threads are joined.
  Judge(release_count.load(std::memory_order_relaxed) == 1, "the datum was not released once");
  exchange->CheckInvariantsWorldStopped();
  Judge(exchange->Read().live_count == 0, "a datum is left over");
  Judge(rt::DestroyQueue(*exchange, queue) == rt::ExchangeStatus::kOk, "no queue any more");
  stage.Finish();
}

}  // namespace stressd::kernels
