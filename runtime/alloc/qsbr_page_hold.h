// QSBR page hold: the page hold (page_hold.h) that takes its goals from QSBR.
//
// Model.  Goals are those of the interpreter's QsbrShared. Asking whether one
// is reached polls with the slot of the thread that runs, which only the layer
// above can tell; without one, only what others' polls have found is known.
// Thread safety.  As page_hold.h. The object must outlive the bundles.
#ifndef RUNTIME_ALLOC_QSBR_PAGE_HOLD_H_
#define RUNTIME_ALLOC_QSBR_PAGE_HOLD_H_

#include "runtime/alloc/page_hold.h"
#include "runtime/qsbr/qsbr.h"

namespace rt {

class QsbrPageHold {
 public:
  // Returns the slot of the calling thread, attached in this interpreter; null
  // when it has none.
  using CurrentSlot = const QsbrSlot* (*)(void* context);

  QsbrPageHold(QsbrShared* qsbr, CurrentSlot current_slot, void* context)
      : qsbr_(qsbr), current_slot_(current_slot), context_(context) {}
  QsbrPageHold(const QsbrPageHold&) = delete;
  QsbrPageHold& operator=(const QsbrPageHold&) = delete;

  PageHold hold() { return PageHold{this, &QsbrPageHold::NextGoal, &QsbrPageHold::Reached}; }

 private:
  static uint64_t NextGoal(void* opaque, bool advance) {
    QsbrShared* const qsbr = static_cast<QsbrPageHold*>(opaque)->qsbr_;
    return advance ? qsbr->Advance() : qsbr->DeferredGoal();
  }

  static bool Reached(void* opaque, uint64_t goal) {
    auto* const self = static_cast<QsbrPageHold*>(opaque);
    if (self->qsbr_->IsReached(goal)) return true;
    const QsbrSlot* const slot = self->current_slot_(self->context_);
    return slot != nullptr && self->qsbr_->Poll(*slot, goal);
  }

  QsbrShared* const qsbr_;
  const CurrentSlot current_slot_;
  void* const context_;
};

}  // namespace rt

#endif  // RUNTIME_ALLOC_QSBR_PAGE_HOLD_H_
