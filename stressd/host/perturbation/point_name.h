// The names of schedule points, as plans and results write them.
//
// A point that was named by hand has that name, any other its place:
// `runtime/sync/mutex.h:62`. Names are compared by hash, so that a point costs no
// string work after its first pass.
#ifndef STRESSD_HOST_PERTURBATION_POINT_NAME_H_
#define STRESSD_HOST_PERTURBATION_POINT_NAME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/schedule_point.h"

namespace stressd::host {

// Returns the name of the point at `site`.
std::string PointName(rt::SchedulePointSite site);

// Returns the hash of a name. Not 0.
uint64_t PointHash(std::string_view name);

// Returns PointHash(PointName(site)) without allocating.
uint64_t PointHash(rt::SchedulePointSite site);

}  // namespace stressd::host

#endif  // STRESSD_HOST_PERTURBATION_POINT_NAME_H_
