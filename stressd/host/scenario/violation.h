// ViolationList: what a run did wrong, collected for its verdict.
//
// Model.  A violation names the oracle (or the scenario's own promise) that it
//   breaks and says with numbers what was seen. "Unreached" entries are no
//   violations: the run never got to the state that it exists to reach, so a
//   pass would say nothing (verdict INCONCLUSIVE).
// Invariants.  V1: at most kKeptCount violations are kept; the others are only
//   counted, so that a broken run cannot fill the host's memory.
// Thread safety.  All functions from any thread; mutex_ is a leaf.
// Fork.  A forked child must not use its parent's list: another thread may have
//   held mutex_. It makes its own.

#ifndef STRESSD_HOST_SCENARIO_VIOLATION_H_
#define STRESSD_HOST_SCENARIO_VIOLATION_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace stressd::host {

struct Violation {
  std::string oracle;   // kebab-case, as in "reference-total".
  std::string message;  // One sentence with the numbers seen.
};

class ViolationList {
 public:
  // 64: enough to see a pattern, small enough for one message to the daemon.
  static constexpr size_t kKeptCount = 64;

  ViolationList() = default;
  ViolationList(const ViolationList&) = delete;
  ViolationList& operator=(const ViolationList&) = delete;

  // Records that `oracle` was violated, as `message` says.
  void Add(std::string_view oracle, std::string message);

  // Records that the run did not reach what `message` names.
  void AddUnreached(std::string message);

  // Appends everything in `other`, which must be another list.
  void Append(const ViolationList& other);

  // Returns true if no violation was added; unreached entries do not count.
  bool empty() const { return count() == 0; }

  // Returns how many violations were added, kept or not.
  int64_t count() const;

  // Returns the kept violations in the order of their arrival.
  std::vector<Violation> violations() const;

  // Returns what the run did not reach.
  std::vector<std::string> unreached() const;

 private:
  mutable std::mutex mutex_;  // Guards the three fields below.
  std::vector<Violation> kept_;
  int64_t count_ = 0;
  std::vector<std::string> unreached_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_VIOLATION_H_
