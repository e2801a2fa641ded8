#include "runtime/state/extension.h"

#include "runtime/base/check.h"
#include "runtime/state/runtime_impl.h"

namespace rt {

void AddRuntimeExtension(Runtime& public_runtime, RuntimeExtension* extension) {
  RuntimeImpl& runtime = *RuntimeImplOf(public_runtime);
  extension->next = runtime.extensions;
  runtime.extensions = extension;
}

void RemoveRuntimeExtension(Runtime& public_runtime, RuntimeExtension* extension) {
  RuntimeImpl& runtime = *RuntimeImplOf(public_runtime);
  RuntimeExtension** link = &runtime.extensions;
  while (*link != nullptr && *link != extension) link = &(*link)->next;
  RT_CHECK(*link == extension, "R2", "removing an extension that was not added");
  *link = extension->next;
}

void TellFinalizing(RuntimeImpl& runtime, Interpreter* interpreter, ThreadState* caller) {
  for (RuntimeExtension* each = runtime.extensions; each != nullptr; each = each->next) {
    if (each->finalizing != nullptr) each->finalizing(each->context, interpreter, caller);
  }
}

void TellInterpreterEnding(RuntimeImpl& runtime, Interpreter& interpreter, ThreadState& caller) {
  for (RuntimeExtension* each = runtime.extensions; each != nullptr; each = each->next) {
    if (each->interpreter_ending != nullptr) {
      each->interpreter_ending(each->context, interpreter, caller);
    }
  }
}

}  // namespace rt
