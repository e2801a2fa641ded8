// PauseSource: decides, pass by pass, where one worker pauses, takes a slow path or
// fails to allocate.
//
// Model.  Every decision is drawn from (seed, stream) and from the hashes of the
//   points that the worker passes, so that a worker that does the same again is
//   perturbed in the same way, whatever the others do. Most passes cost a few
//   countdowns: a part draws how many passes it leaves alone.
//     uniform  every mean-th pass, on average
//     focus    passes of the named points; of any: of one point in 64, others after
//              each period
//     pct      lowness 0 (never) to 7 (one pass in 16), drawn anew after a segment of
//              drawn length; `depth` segments make a window, on average
//     starve   after a drawn number of passes, one long delay
// Thread safety.  None: one thread uses one PauseSource; PausePlan is constant.
#ifndef STRESSD_HOST_PERTURBATION_PAUSE_SOURCE_H_
#define STRESSD_HOST_PERTURBATION_PAUSE_SOURCE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "stressd/host/scenario/prng.h"
#include "stressd/protocol/perturbation_plan.h"

namespace stressd::host {

// Points by hash; none named: any.
struct PointSet {
  std::array<uint64_t, protocol::kPlanPointsMax> hashes = {};
  size_t count = 0;

  bool Contains(uint64_t hash) const;
};

// A plan in the form that is quick to ask. 0 in the first field of a part: absent.
struct PausePlan {
  PausePlan() = default;
  explicit PausePlan(const protocol::Plan& plan);

  struct Strength {
    int64_t max_delay_ns = 0;
    uint64_t yield_percent = 0;
  };
  uint64_t uniform_mean = 0;  // Passes per pause.
  Strength uniform;
  uint64_t focus_percent = 0;
  uint64_t focus_period = 0;
  Strength focus;
  PointSet focus_points;
  uint64_t pct_segment_mean = 0;
  Strength pct;
  uint64_t starve_mean = 0;
  int64_t starve_ns = 0;
  uint64_t slow_path_per_million = 0;
  PointSet slow_path_points;
  uint64_t failure_per_million = 0;
  PointSet failure_points;

  // Whether a worker may pause at all.
  bool has_pauses() const;
};

struct Pause {
  enum class Kind : uint8_t { kNone, kYield, kDelay };
  Kind kind = Kind::kNone;
  int64_t delay_ns = 0;  // Of kDelay: above 0.

  bool operator==(const Pause&) const = default;
};

class PauseSource {
 public:
  PauseSource() : prng_(0) {}
  // `plan` outlives this.
  PauseSource(const PausePlan* plan, uint64_t seed, uint64_t stream);

  // Decides on one pass of the point with that hash.
  Pause Next(uint64_t point_hash);

  // Decides whether to take the slow path with the name of that hash.
  bool TakesSlowPath(uint64_t name_hash);

  // Decides whether the allocation at the fault point of that hash fails.
  bool FailsAllocation(uint64_t name_hash);

 private:
  Pause DrawPause(const PausePlan::Strength& strength);
  bool FocusWants(uint64_t point_hash);
  bool PctWants();
  // Draws from 1 to 2 * mean - 1: `mean` on average.
  uint64_t DrawAbout(uint64_t mean);

  const PausePlan* plan_ = nullptr;
  Prng prng_;
  uint64_t uniform_left_ = 0;
  uint64_t focus_left_ = 0;
  uint64_t focus_key_ = 0;
  uint64_t pct_left_ = 0;
  int pct_lowness_ = 0;
  uint64_t starve_left_ = 0;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_PERTURBATION_PAUSE_SOURCE_H_
