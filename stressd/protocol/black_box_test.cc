// The black box: what a writer tells arrives at a view, and a view survives
// whatever it is given.
#include "stressd/protocol/black_box.h"

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "stressd/protocol/black_box_writer.h"

namespace stressd::protocol {
namespace {

BlackBoxMapping NewBox() {
  absl::StatusOr<BlackBoxMapping> mapping = BlackBoxMapping::MapAnonymous();
  EXPECT_TRUE(mapping.ok()) << mapping.status();
  return *std::move(mapping);
}

// Lays out the counter section as the runtime does.
void LayOutCounters(CounterSection& section) {
  section.version.store(kCounterLayoutVersion);
  section.header_bytes.store(64);
  section.slot_bytes.store(sizeof(CounterSlot));
  section.slot_count.store(kCounterSlotCount);
  section.magic.store(kCounterMagic);
}

TEST(BlackBoxTest, MemoryIsSharedAndSealed) {
  absl::StatusOr<FileDescriptor> fd = CreateBlackBoxMemory();
  ASSERT_TRUE(fd.ok()) << fd.status();
  absl::StatusOr<BlackBoxMapping> daemon = BlackBoxMapping::Map(fd->get());
  absl::StatusOr<BlackBoxMapping> host = BlackBoxMapping::Map(fd->get());
  ASSERT_TRUE(daemon.ok());
  ASSERT_TRUE(host.ok());
  EXPECT_EQ(BlackBoxView(daemon->memory()).Check().code(), absl::StatusCode::kFailedPrecondition);
  BlackBoxWriter(host->memory()).Format("tsan", "0123abcd");
  const BlackBoxView view(daemon->memory());
  EXPECT_TRUE(view.Check().ok());
  EXPECT_EQ(view.identity().flavor, "tsan");
  EXPECT_EQ(view.identity().build_id, "0123abcd");
  EXPECT_NE(::ftruncate(fd->get(), 4096), 0);
  EXPECT_NE(::ftruncate(fd->get(), kBlackBoxBytes + 4096), 0);
}

TEST(BlackBoxTest, AFileOfAnotherSizeIsRefused) {
  FileDescriptor fd(::memfd_create("other", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(fd.get(), kBlackBoxBytes - 1), 0);
  EXPECT_EQ(BlackBoxMapping::Map(fd.get()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(BlackBoxTest, ARunIsToldAsWritten) {
  BlackBoxMapping box = NewBox();
  BlackBoxWriter writer(box.memory());
  const BlackBoxView view(box.memory());
  writer.Format("plain", "id");
  writer.BeginRun(42, "thread-churn", 7, 1000);
  writer.EnterPhase(RunPhase::kRun, 1001);
  writer.operation_count()->fetch_add(5);
  writer.heartbeat_count()->fetch_add(6);
  const RunView run = view.run();
  EXPECT_FALSE(run.torn);
  EXPECT_EQ(run.run_id, 42);
  EXPECT_EQ(run.scenario, "thread-churn");
  EXPECT_EQ(run.seed, 7u);
  EXPECT_EQ(run.start_time_ns, 1000);
  EXPECT_EQ(run.phase, RunPhase::kRun);
  EXPECT_EQ(run.operation_count, 5);
  EXPECT_EQ(run.heartbeat_count, 6);
  writer.EndRun(1002);
  EXPECT_EQ(view.run().phase, RunPhase::kIdle);
  writer.BeginRun(43, "empty", 8, 2000);
  EXPECT_EQ(view.run().operation_count, 0);
  EXPECT_EQ(view.run().scenario, "empty");
}

TEST(BlackBoxTest, ProgressChangesWithWorkOnly) {
  BlackBoxMapping box = NewBox();
  BlackBoxWriter writer(box.memory());
  const BlackBoxView view(box.memory());
  writer.BeginRun(1, "a", 1, 1);
  uint64_t last = view.Progress();
  EXPECT_EQ(view.Progress(), last);
  const auto expect_change = [&] {
    EXPECT_NE(view.Progress(), last);
    last = view.Progress();
  };
  writer.EnterPhase(RunPhase::kRun, 2);
  expect_change();
  writer.operation_count()->fetch_add(1);
  expect_change();
  writer.heartbeat_count()->fetch_add(1);
  expect_change();
  writer.EndRun(3);
  expect_change();
  writer.BeginRun(2, "a", 1, 4);
  expect_change();
  writer.AddEvent(1, EventKind::kWorkerStart, 1, 5);
  EXPECT_EQ(view.Progress(), last) << "events alone are no progress";
}

TEST(BlackBoxTest, OnlyTheFirstFailureIsKept) {
  BlackBoxMapping box = NewBox();
  BlackBoxWriter writer(box.memory());
  const BlackBoxView view(box.memory());
  EXPECT_FALSE(view.failure().has_value());
  writer.RecordFailure("INV-STW-1", "stop.cc", 12, "attached while stopped");
  writer.RecordFailure("Q1", "qsbr.cc", 13, "later");
  ASSERT_TRUE(view.failure().has_value());
  EXPECT_FALSE(view.failure()->torn);
  EXPECT_EQ(view.failure()->invariant, "INV-STW-1");
  EXPECT_EQ(view.failure()->file, "stop.cc");
  EXPECT_EQ(view.failure()->line, 12);
  EXPECT_EQ(view.failure()->text, "attached while stopped");
}

TEST(BlackBoxTest, AFailureWhoseWriterDiedIsTorn) {
  BlackBoxMapping box = NewBox();
  box.memory()->run.failure.state.store(static_cast<uint32_t>(TextState::kWriting));
  ASSERT_TRUE(BlackBoxView(box.memory()).failure().has_value());
  EXPECT_TRUE(BlackBoxView(box.memory()).failure()->torn);
}

TEST(BlackBoxTest, TextsAreCutAndCleaned) {
  BlackBoxMapping box = NewBox();
  BlackBoxWriter writer(box.memory());
  const BlackBoxView view(box.memory());
  writer.RecordFailure(std::string(100, 'i').c_str(), nullptr, 0, "a\nb\x1b[31mc\xff");
  EXPECT_EQ(view.failure()->invariant, std::string(32, 'i'));
  EXPECT_EQ(view.failure()->file, "");
  EXPECT_EQ(view.failure()->text, "a?b?[31mc?");
}

TEST(BlackBoxTest, ReportsAndCrashesAreTold) {
  BlackBoxMapping box = NewBox();
  BlackBoxWriter writer(box.memory());
  const BlackBoxView view(box.memory());
  EXPECT_EQ(view.report_kind(), ReportKind::kNone);
  EXPECT_FALSE(view.crash().has_value());
  writer.RecordReport(ReportKind::kUndefined);
  writer.RecordReport(ReportKind::kAddress);
  EXPECT_EQ(view.report_kind(), ReportKind::kUndefined);
  writer.RecordCrash(11, 0x10);
  ASSERT_TRUE(view.crash().has_value());
  EXPECT_EQ(view.crash()->signal, 11);
  EXPECT_EQ(view.crash()->address, 0x10u);
}

TEST(BlackBoxTest, TheLastEventsAreKept) {
  BlackBoxMapping box = NewBox();
  BlackBoxWriter writer(box.memory());
  const BlackBoxView view(box.memory());
  const int64_t total = 3 * static_cast<int64_t>(kEventCount) + 5;
  for (int64_t i = 0; i < total; ++i) {
    writer.AddEvent(2, EventKind::kWorkerStart, i, i);
  }
  const std::vector<EventView> events = view.Events();
  ASSERT_EQ(events.size(), kEventCount);
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_FALSE(events[i].torn);
    EXPECT_EQ(events[i].ring_index, 2);
    EXPECT_EQ(events[i].argument, total - static_cast<int64_t>(kEventCount - i));
  }
}

TEST(BlackBoxTest, AnEventWhoseWriterDiedIsTorn) {
  BlackBoxMapping box = NewBox();
  BlackBoxWriter writer(box.memory());
  for (int i = 0; i < 3; ++i) writer.AddEvent(0, EventKind::kPhase, i, i);
  box.memory()->rings[0].events[1].sequence.store(3);
  const std::vector<EventView> events = BlackBoxView(box.memory()).Events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_FALSE(events[0].torn);
  EXPECT_TRUE(events[1].torn);
  EXPECT_FALSE(events[2].torn);
}

// A reader beside a writer: whatever is not marked torn is consistent. Every
// event has argument == time, every run has scenario text == id.
TEST(BlackBoxTest, WhatIsNotTornIsConsistent) {
  BlackBoxMapping box = NewBox();
  std::atomic<bool> stop{false};
  std::thread thread([&] {
    BlackBoxWriter writer(box.memory());
    for (int64_t i = 1; !stop.load(std::memory_order_relaxed); ++i) {
      if (i % 16 == 0) writer.BeginRun(i, std::to_string(i), i, i);
      writer.AddEvent(0, EventKind::kWorkerEnd, i, i);
    }
  });
  const BlackBoxView view(box.memory());
  int whole_event_count = 0;
  int whole_run_count = 0;
  // Until the writer was met often enough; each look is short.
  while (whole_event_count < 10'000 || whole_run_count < 300) {
    for (const EventView& event : view.Events()) {
      if (event.torn) continue;
      ++whole_event_count;
      ASSERT_EQ(event.argument, event.time_ns);
    }
    const RunView run = view.run();
    if (run.torn || run.run_id == 0) continue;
    ++whole_run_count;
    ASSERT_EQ(run.scenario, std::to_string(run.run_id));
    ASSERT_EQ(run.seed, static_cast<uint64_t>(run.run_id));
  }
  stop.store(true);
  thread.join();
}

TEST(BlackBoxTest, CountersAreToldWithTheirOwners) {
  BlackBoxMapping box = NewBox();
  const BlackBoxView view(box.memory());
  EXPECT_TRUE(view.Counters().empty());
  LayOutCounters(box.memory()->counters);
  CounterSlot& slot = box.memory()->counters.slots[kCounterSlotCount - 1];
  slot.owner_id.store(17);
  slot.interpreter_id.store(3);
  slot.use.store(static_cast<uint32_t>(SlotUse::kThread));
  slot.counters[kCounterCount - 1].store(-4);
  slot.type_references[kTypeCount - 1].store(9);
  const std::vector<CounterView> views = view.Counters();
  ASSERT_EQ(views.size(), 1u);
  EXPECT_FALSE(views[0].torn);
  EXPECT_EQ(views[0].use, SlotUse::kThread);
  EXPECT_EQ(views[0].owner_id, 17u);
  EXPECT_EQ(views[0].interpreter_id, 3u);
  EXPECT_EQ(views[0].counters[kCounterCount - 1], -4);
  EXPECT_EQ(views[0].type_references[kTypeCount - 1], 9);
}

TEST(BlackBoxTest, SlotsThatChangeHandsAreTorn) {
  BlackBoxMapping box = NewBox();
  LayOutCounters(box.memory()->counters);
  CounterSlot* slots = box.memory()->counters.slots;
  slots[0].sequence.store(1);
  slots[1].owner_id.store(5);
  slots[1].use.store(1);
  std::vector<CounterView> views = BlackBoxView(box.memory()).Counters();
  ASSERT_EQ(views.size(), 2u);
  EXPECT_TRUE(views[0].torn);
  EXPECT_FALSE(views[1].torn);
  // The host died while something changed hands.
  box.memory()->counters.change_sequence.store(7);
  views = BlackBoxView(box.memory()).Counters();
  ASSERT_EQ(views.size(), 2u);
  EXPECT_TRUE(views[1].torn);
}

// Everything at once from memory filled with noise, again and again: the
// answers mean little, but each is in bounds and printable.
TEST(BlackBoxTest, ACorruptBoxIsReadInBounds) {
  BlackBoxMapping box = NewBox();
  const BlackBoxView view(box.memory());
  std::mt19937_64 random(20221122);
  for (int round = 0; round < 60; ++round) {
    BlackBoxWriter writer(box.memory());
    writer.Format("plain", "id");
    LayOutCounters(box.memory()->counters);
    auto* bytes = reinterpret_cast<unsigned char*>(box.memory());
    const bool keep_magics = round % 2 == 0;
    const size_t begin = keep_magics ? sizeof(BlackBoxHeader) : 0;
    const size_t count = round % 3 == 0 ? kBlackBoxBytes - begin : 5000;
    for (size_t i = 0; i < count; ++i) {
      const size_t at = count == 5000 ? begin + random() % (kBlackBoxBytes - begin) : begin + i;
      bytes[at] = static_cast<unsigned char>(random());
    }
    if (keep_magics) LayOutCounters(box.memory()->counters);
    view.Check().IgnoreError();  // Either answer is right for noise.
    EXPECT_LE(static_cast<uint32_t>(view.run().phase), 5u);
    EXPECT_LE(static_cast<uint32_t>(view.report_kind()), 4u);
    EXPECT_LE(view.run().scenario.size(), 64u);
    EXPECT_LE(view.identity().build_id.size(), 64u);
    if (view.failure()) {
      EXPECT_LE(view.failure()->text.size(), kBlackBoxTextBytes);
    }
    if (view.crash()) {
      EXPECT_GE(view.crash()->signal, 1);
      EXPECT_LE(view.crash()->signal, 64);
    }
    const std::vector<EventView> events = view.Events();
    EXPECT_LE(events.size(), kRingCount * kEventCount);
    for (const EventView& event : events) {
      EXPECT_LT(event.ring_index, static_cast<int32_t>(kRingCount));
      EXPECT_LE(static_cast<uint32_t>(event.kind), 3u);
    }
    EXPECT_LE(view.Counters().size(), kCounterSlotCount);
    for (size_t i = 0; i < kTypeCount; ++i) {
      for (char c : view.type_name(i)) EXPECT_TRUE(c >= ' ' && c <= '~');
    }
    EXPECT_EQ(view.counter_name(kCounterCount), "");
    EXPECT_EQ(view.type_name(~size_t{0}), "");
    view.Progress();
  }
}

}  // namespace
}  // namespace stressd::protocol
