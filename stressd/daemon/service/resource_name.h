// Resource names: `runs/12`, `soaks/3`, `findings/4`, `scenarios/thread-churn`.
#ifndef STRESSD_DAEMON_SERVICE_RESOURCE_NAME_H_
#define STRESSD_DAEMON_SERVICE_RESOURCE_NAME_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace stressd::service {

// "runs/12"; empty for id 0, which stands for none.
std::string ResourceName(absl::string_view collection, int64_t id);

// The id of `name`, greater than 0. InvalidArgumentError names `field`.
absl::StatusOr<int64_t> ParseResourceId(absl::string_view field, absl::string_view collection,
                                        absl::string_view name);

// Like ParseResourceId(), but an empty name is 0.
absl::StatusOr<int64_t> ParseOptionalResourceId(absl::string_view field,
                                                absl::string_view collection,
                                                absl::string_view name);

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_RESOURCE_NAME_H_
