// A kernel of the controlled engine as a scenario: a run is a campaign of schedules.
//
// Model.  Run() starts the target program and explores the kernel, at most `schedules`
// schedules or for the run's duration, with the run's seed as base seed. It ends at
// the first finding, which it replays, minimizes and explains. An operation of the run
// is a schedule. The same seed and parameters give the same schedules on the same
// target, so a run that found something finds it again.
// Thread safety.  As of a scenario.
#ifndef STRESSD_HOST_EXPLORED_EXPLORED_KERNEL_H_
#define STRESSD_HOST_EXPLORED_EXPLORED_KERNEL_H_

#include <optional>
#include <string>

#include "stressd/explore/driver/campaign.h"
#include "stressd/host/scenario/scenario.h"

namespace stressd::host {

// What every such scenario declares.
absl::Span<const ParameterSpec> KernelParameters();

class ExploredKernel final : public Scenario {
 public:
  // `program` lists `kernel` among its kernels.
  ExploredKernel(std::string program, std::string kernel, const Parameters& parameters);

  absl::Status Run(ScenarioContext& context) override;
  void Check(const ScenarioContext& context, ViolationList& out) const override;

 private:
  struct Found {
    std::string rule;     // The engine's verdict: "data-race", ...
    std::string message;  // One line.
  };

  absl::Status MakeOptions(ScenarioContext& context, explore::CampaignOptions* options) const;
  absl::Status Explore(ScenarioContext& context, const explore::CampaignOptions& options);
  absl::Status RunOne(const explore::CampaignOptions& options, explore::CampaignResult* result);
  void Explain(const explore::CampaignOptions& options, const explore::CampaignResult& result);

  const std::string program_;
  const std::string kernel_;
  const std::string strategy_;
  const std::string model_;
  const int64_t schedules_;
  const int64_t preemptions_;
  const int64_t schedule_;  // -1: all.
  std::optional<Found> found_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_EXPLORED_EXPLORED_KERNEL_H_
