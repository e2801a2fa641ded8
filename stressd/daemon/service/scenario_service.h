// stressd.v1.ScenarioService over the catalog.
#ifndef STRESSD_DAEMON_SERVICE_SCENARIO_SERVICE_H_
#define STRESSD_DAEMON_SERVICE_SCENARIO_SERVICE_H_

#include "proto/stressd/v1/scenario.grpc.pb.h"
#include "stressd/daemon/runs/limits.h"
#include "stressd/daemon/runs/scenario_catalog.h"
#include "stressd/daemon/service/unary_call.h"

namespace stressd::service {

class ScenarioService final : public v1::ScenarioService::CallbackService {
 public:
  // `catalog` is not owned.
  ScenarioService(const CallParts& parts, const runs::ScenarioCatalog* catalog,
                  const runs::Limits& limits)
      : parts_(parts), catalog_(catalog), limits_(limits) {}

  grpc::ServerUnaryReactor* ListScenarios(grpc::CallbackServerContext* context,
                                          const v1::ListScenariosRequest* request,
                                          v1::ListScenariosResponse* response) override;
  grpc::ServerUnaryReactor* GetScenario(grpc::CallbackServerContext* context,
                                        const v1::GetScenarioRequest* request,
                                        v1::Scenario* response) override;

 private:
  grpc::Status List(const v1::ListScenariosRequest& request,
                    v1::ListScenariosResponse& response) const;
  grpc::Status Get(const v1::GetScenarioRequest& request, v1::Scenario& response) const;

  const CallParts parts_;
  const runs::ScenarioCatalog* const catalog_;
  const runs::Limits limits_;
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_SCENARIO_SERVICE_H_
