#include "stressd/host/oracles/reference_total.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace stressd::host {
namespace {

// The type's name, or its number where nobody knows the name any more.
std::string TypeText(const Observation& before, const Observation& after, size_t type) {
  for (const Observation* observation : {&after, &before}) {
    const std::string& name = observation->type_names[type];
    if (!name.empty()) return absl::StrCat("\"", name, "\"");
  }
  return absl::StrCat("number ", type);
}

}  // namespace

void JudgeReferenceTotal(const Observation& before, const Observation& after, ViolationList& out) {
  const rt::BalanceSnapshot& was = before.balance;
  const rt::BalanceSnapshot& is = after.balance;
  const int64_t difference = is.reference_total - was.reference_total;
  if (difference != 0) {
    out.Add("reference-total",
            absl::StrFormat("%+d references: the total was %d and is %d", difference,
                            was.reference_total, is.reference_total));
  }
  for (size_t type = 0; type < is.references_by_type.size(); ++type) {
    const int64_t of_type = is.references_by_type[type] - was.references_by_type[type];
    if (of_type == 0) continue;
    out.Add("reference-total",
            absl::StrFormat("%+d references to objects of type %s: there were %d and are %d",
                            of_type, TypeText(before, after, type), was.references_by_type[type],
                            is.references_by_type[type]));
  }
}

}  // namespace stressd::host
