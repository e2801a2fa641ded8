// A growable array of plain data for the runtime, which must not allocate from
// the program under test.
//
// Model.  Storage comes from mmap and doubles; clearing gives nothing back, so
// that it costs nothing. Only for types that can be
// moved with memcpy and need no destruction.
// Invariants.  I1: size() <= capacity. I2: a reference dies with the next Push.
// Thread safety.  None: the engine runs one thread at a time.
#ifndef STRESSD_EXPLORE_ARRAY_H_
#define STRESSD_EXPLORE_ARRAY_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <type_traits>

namespace explore {

// Pages of zeros; ends the process when there are none.
void* MapPages(size_t size_bytes);
void UnmapPages(void* pages, size_t size_bytes);

template <typename T>
class Array {
 public:
  static_assert(std::is_trivially_copyable_v<T>);

  constexpr Array() = default;
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](uint32_t index) { return data_[index]; }
  const T& operator[](uint32_t index) const { return data_[index]; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& back() { return data_[size_ - 1]; }

  void Push(const T& item) {
    if (size_ == capacity_) Grow(size_ + 1);
    data_[size_++] = item;
  }
  void Pop() { --size_; }
  void Clear() { size_ = 0; }
  // Makes room for `capacity` items, which costs address space only.
  void Reserve(uint32_t capacity) {
    if (capacity > capacity_) Grow(capacity);
  }
  // Sets the size; new items are zero.
  void Resize(uint32_t size) {
    if (size > capacity_) Grow(size);
    if (size > size_) memset(static_cast<void*>(data_ + size_), 0, (size - size_) * sizeof(T));
    size_ = size;
  }
  // Removes the item at `index`, keeping the order of the others.
  void Remove(uint32_t index) {
    memmove(static_cast<void*>(data_ + index), data_ + index + 1, (size_ - index - 1) * sizeof(T));
    --size_;
  }

 private:
  void Grow(uint32_t least) {
    uint32_t capacity = capacity_ == 0 ? 4096 / sizeof(T) + 1 : capacity_ * 2;
    while (capacity < least) capacity *= 2;
    T* data = static_cast<T*>(MapPages(capacity * sizeof(T)));
    if (size_ != 0) memcpy(static_cast<void*>(data), data_, size_ * sizeof(T));
    if (data_ != nullptr) UnmapPages(data_, capacity_ * sizeof(T));
    data_ = data;
    capacity_ = capacity;
  }

  T* data_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_ARRAY_H_
