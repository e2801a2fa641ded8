#include "stressd/host/scenario/violation.h"

#include <utility>

namespace stressd::host {

void ViolationList::Add(std::string_view oracle, std::string message) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++count_;
  if (kept_.size() < kKeptCount) {
    kept_.push_back(Violation{std::string(oracle), std::move(message)});
  }
}

void ViolationList::AddUnreached(std::string message) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (unreached_.size() < kKeptCount) unreached_.push_back(std::move(message));
}

void ViolationList::Append(const ViolationList& other) {
  // Copies first, so that no two lists are ever locked at once.
  std::vector<Violation> violations = other.violations();
  std::vector<std::string> unreached = other.unreached();
  const int64_t not_kept = other.count() - static_cast<int64_t>(violations.size());
  for (Violation& violation : violations) {
    Add(violation.oracle, std::move(violation.message));
  }
  for (std::string& message : unreached) AddUnreached(std::move(message));
  std::lock_guard<std::mutex> lock(mutex_);
  count_ += not_kept;
}

int64_t ViolationList::count() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return count_;
}

std::vector<Violation> ViolationList::violations() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return kept_;
}

std::vector<std::string> ViolationList::unreached() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return unreached_;
}

}  // namespace stressd::host
