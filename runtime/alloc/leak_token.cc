#include "runtime/alloc/leak_token.h"

#include <cstdlib>

namespace rt {

struct LeakToken {
  LeakTokenList* list;
  LeakToken* next;
  LeakToken* previous;
};

LeakToken* LeakTokenList::Add() {
  // malloc() itself, so that the report's first frames are the allocation's.
  auto* token = static_cast<LeakToken*>(std::malloc(sizeof(LeakToken)));
  if (token == nullptr) return nullptr;
  token->list = this;
  token->previous = nullptr;
  MutexLock lock(mutex_);
  token->next = first_;
  if (first_ != nullptr) first_->previous = token;
  first_ = token;
  return token;
}

void LeakTokenList::Remove(LeakToken* token) {
  LeakTokenList* const list = token->list;
  {
    MutexLock lock(list->mutex_);
    if (token->previous != nullptr) {
      token->previous->next = token->next;
    } else {
      list->first_ = token->next;
    }
    if (token->next != nullptr) token->next->previous = token->previous;
  }
  std::free(token);
}

LeakTokenList* LeakTokenList::ListOf(LeakToken* token) { return token->list; }

int64_t LeakTokenList::Abandon() {
  MutexLock lock(mutex_);
  int64_t count = 0;
  // Unlinked one by one: a stray copy of one token's address, on some stack,
  // must not keep the others reachable.
  while (first_ != nullptr) {
    LeakToken* const token = first_;
    first_ = token->next;
    *token = LeakToken{nullptr, nullptr, nullptr};
    ++count;
  }
  return count;
}

}  // namespace rt
