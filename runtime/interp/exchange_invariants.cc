// The checks of an exchange: exchange.h, exchange_core.h.

#include "runtime/base/check.h"
#include "runtime/interp/exchange_core.h"

namespace rt {
namespace {

long long Printable(int64_t value) { return value; }

struct Search {
  uint64_t id;
  bool found;
};

bool Exists(const Runtime& runtime, uint64_t id) {
  Search search = {id, false};
  runtime.VisitInterpreters(
      [](const Interpreter& interpreter, void* argument) {
        auto& wanted = *static_cast<Search*>(argument);
        if (interpreter.id() == wanted.id) wanted.found = true;
      },
      &search);
  return search.found;
}

}  // namespace

void ExchangeCore::CheckConduitLocked(Conduit& conduit) {
  int64_t count = 0;
  Datum** link = &conduit.first;
  uint64_t live_id = kNoOrigin;  // The last one that was looked up.
  for (; *link != nullptr; link = &(*link)->next_in_queue) {
    const Datum& datum = **link;
    ++count;
    RT_CHECK(!datum.lease, "INV-XI-6", "a datum in a queue holds a lease");
    if (datum.origin_id == kNoOrigin || datum.origin_id == live_id) continue;
    live_id = datum.origin_id;
    // One that is about to end still exists until all that names it has been told.
    RT_CHECK(Exists(*runtime, live_id), "INV-XI-4",
             "a datum in queue %llu names the destroyed interpreter %llu",
             static_cast<unsigned long long>(conduit.id), static_cast<unsigned long long>(live_id));
  }
  RT_CHECK(count == conduit.count, "INV-XI-2", "%lld data in the list, %lld counted",
           Printable(count), Printable(conduit.count));
  RT_CHECK(link == conduit.last_link, "INV-XI-2", "the last link is not the end of the list");
  RT_CHECK(conduit.put_count == conduit.got_count + conduit.dropped_count + conduit.count, "Q1",
           "put %lld, got %lld, dropped %lld, left %lld", Printable(conduit.put_count),
           Printable(conduit.got_count), Printable(conduit.dropped_count),
           Printable(conduit.count));
  RT_CHECK(conduit.config.capacity == 0 || conduit.count <= conduit.config.capacity, "Q1",
           "%lld data where %lld fit", Printable(conduit.count),
           Printable(conduit.config.capacity));
  RT_CHECK(conduit.waiting_count[0] + conduit.waiting_count[1] == conduit.pin_count, "X2",
           "waiters and pins differ");
  for (const EndRecord* end = conduit.ends; end != nullptr; end = end->next) {
    RT_CHECK(end->open_count != 0, "C1", "a closed end is in the list");
  }
}

void ExchangeCore::CheckInvariants(void* opaque_core) {
  auto& core = *static_cast<ExchangeCore*>(opaque_core);
  MutexLock lock(core.mutex);
  int64_t queued_count = 0;
  int64_t queue_count = 0;
  int64_t removed_count = 0;
  int64_t pin_count = 0;
  for (Conduit* conduit : core.table) {
    for (; conduit != nullptr; conduit = conduit->next) {
      core.CheckConduitLocked(*conduit);
      queued_count += conduit->count;
      pin_count += static_cast<int64_t>(conduit->pin_count);
      ++queue_count;
    }
  }
  for (const Conduit* conduit = core.removed; conduit != nullptr; conduit = conduit->next) {
    RT_CHECK(conduit->pin_count != 0 && conduit->first == nullptr, "INV-XI-3",
             "a removed queue has no waiter or still has data");
    pin_count += static_cast<int64_t>(conduit->pin_count);
    ++removed_count;
  }
  const ExchangeReading figures = core.figures;
  RT_CHECK(queued_count == figures.queued_count && queue_count == figures.queue_count &&
               removed_count == figures.removed_count && pin_count == figures.waiter_count,
           "INV-XI-2", "%lld data in %lld queues and %lld waiters, counted are %lld, %lld, %lld",
           Printable(queued_count), Printable(queue_count), Printable(pin_count),
           Printable(figures.queued_count), Printable(figures.queue_count),
           Printable(figures.waiter_count));
  RT_CHECK(figures.live_count == figures.in_hand_count + figures.queued_count +
                                     figures.pending_count + figures.releasing_count,
           "INV-XI-7", "%lld live, %lld in hands, %lld queued, %lld pending, %lld being released",
           Printable(figures.live_count), Printable(figures.in_hand_count),
           Printable(figures.queued_count), Printable(figures.pending_count),
           Printable(figures.releasing_count));
  RT_CHECK(figures.made_count == figures.live_count + figures.released_count(), "INV-XI-7",
           "%lld made, %lld live, %lld released", Printable(figures.made_count),
           Printable(figures.live_count), Printable(figures.released_count()));
  RT_CHECK(figures.live_count != 0 || (figures.live_bytes == 0 && core.pending_bytes == 0),
           "INV-XI-7", "no data and %lld bytes", Printable(figures.live_bytes));
  RT_CHECK(core.runtime != nullptr || queue_count == 0, "X1", "queues without an exchange");
}

}  // namespace rt
