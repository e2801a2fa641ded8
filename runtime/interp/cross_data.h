// Cross-interpreter data: immutable values that one interpreter gives another.
//
// Model.  A CrossData is the hand that holds one datum; it moves, and empties when the
//   datum is given to a queue. The kinds:
//     integer   a value
//     bytes     a copy, of its own
//     memory    one more reference to a block of shared memory
//     object    an immortal object of the origin, by address; in a hand it keeps the
//               origin leased, in a queue it does not
//     opaque    a pointer of the embedder and the function that releases it
//   Letting go of a datum releases it in its origin: at once if we are there, else as a
//   pending call, run at a safe point there or at its end. When the origin is gone, we
//   release it ourselves.
// Invariants.  exchange.h: INV-XI-1, INV-XI-6, INV-XI-7.
// Thread safety.  A CrossData belongs to one thread at a time, attached or not. The
//   payload is immutable, but the contents of shared memory are whatever its users do.
// Lock order, fork.  exchange.h.
// Source.  CPython Include/internal/pycore_crossinterp.h. Differs: no registry of
//   classes; the release cannot fail.

#ifndef RUNTIME_INTERP_CROSS_DATA_H_
#define RUNTIME_INTERP_CROSS_DATA_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/interp/exchange.h"
#include "runtime/runtime.h"

namespace rt {

struct Datum;
struct MemoryBlock;
class CrossData;

enum class DataKind : uint8_t { kInteger, kBytes, kMemory, kObject, kOpaque };

// A counted handle to a block of raw memory that any thread may read and write.
class SharedMemory {
 public:
  // `bytes` zeroed bytes. Empty when memory ran out.
  [[nodiscard]] static SharedMemory Create(Exchange& exchange, size_t bytes);

  SharedMemory() = default;
  ~SharedMemory();
  SharedMemory(const SharedMemory& other);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory other) noexcept;

  explicit operator bool() const { return block_ != nullptr; }
  void* data() const;
  size_t size_bytes() const;

 private:
  friend class ExchangeCore;
  friend class CrossData;
  explicit SharedMemory(MemoryBlock* block) : block_(block) {}
  MemoryBlock* block_ = nullptr;
};

class CrossData {
 public:
  // Releases `data`. `origin` is attached in the origin, or null when that is gone. No
  // mutex is held; no safe point may be reached.
  using ReleaseFunction = void (*)(void* data, ThreadState* origin);

  // The makers: `origin` is attached here and its interpreter becomes the origin.
  // They return an empty hand when memory ran out.
  [[nodiscard]] static CrossData MakeInteger(Exchange& exchange, ThreadState& origin,
                                             int64_t value);
  [[nodiscard]] static CrossData MakeBytes(Exchange& exchange, ThreadState& origin,
                                           std::string_view bytes);
  [[nodiscard]] static CrossData MakeMemory(Exchange& exchange, ThreadState& origin,
                                            const SharedMemory& memory);
  // Also empty when `object` is not immortal.
  [[nodiscard]] static CrossData MakeObject(Exchange& exchange, ThreadState& origin,
                                            Object* object);
  // When the hand comes back empty `data` is still the caller's.
  [[nodiscard]] static CrossData MakeOpaque(Exchange& exchange, ThreadState& origin, void* data,
                                            ReleaseFunction release);

  CrossData() = default;
  ~CrossData() { Release(); }
  CrossData(CrossData&& other) noexcept : datum_(other.datum_) { other.datum_ = nullptr; }
  CrossData& operator=(CrossData&& other) noexcept;
  CrossData(const CrossData&) = delete;
  CrossData& operator=(const CrossData&) = delete;

  // False: empty-handed. The accessors below need a datum, of their kind.
  explicit operator bool() const { return datum_ != nullptr; }
  DataKind kind() const;
  // The id of the interpreter that made it; kNoOrigin when that was destroyed while
  // the datum was in a queue.
  uint64_t origin_id() const;
  int64_t integer() const;
  std::string_view bytes() const;
  SharedMemory memory() const;
  // Immortal, of another interpreter: may be read, never written.
  const Object* object() const;
  void* opaque() const;

  // Lets go of the datum. Does nothing when empty-handed.
  void Release();

 private:
  friend class ExchangeCore;
  explicit CrossData(Datum* datum) : datum_(datum) {}
  Datum* datum_ = nullptr;
};

// No interpreter has this id.
inline constexpr uint64_t kNoOrigin = 0;

}  // namespace rt

#endif  // RUNTIME_INTERP_CROSS_DATA_H_
