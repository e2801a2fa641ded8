#include "client/interrupt.h"

#include <unistd.h>

#include <csignal>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace stressd::client {
namespace {

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Interrupt& Interrupt::Install() {
  // Never destroyed: its thread waits until the process ends.
  static Interrupt* const instance = [] {
    const sigset_t set = Signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    auto* interrupt = new Interrupt();
    std::thread([interrupt] { interrupt->WaitForSignals(); }).detach();
    return interrupt;
  }();
  return *instance;
}

void Interrupt::SetAction(std::function<void()> action) {
  std::lock_guard<std::mutex> lock(mutex_);
  action_ = std::move(action);
}

void Interrupt::WaitForSignals() {
  const sigset_t set = Signals();
  bool asked = false;
  while (true) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) continue;
    std::lock_guard<std::mutex> lock(mutex_);
    // 128 + signal, as a shell reports it.
    if (asked || !action_) _exit(128 + signal);
    asked = true;
    action_();
  }
}

}  // namespace stressd::client
