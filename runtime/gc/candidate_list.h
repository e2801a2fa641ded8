// Candidate list: the objects that a collection found unreachable, each with a
// reference that the list holds.
//
// Model.  An array in raw memory, of the size that the marking counted. What has
// been handled is left behind `next`, so that whoever takes a collection over (a
// forked child, a finalizing thread) can drop exactly the rest.
// Thread safety.  The collecting thread, or who has taken over.

#ifndef RUNTIME_GC_CANDIDATE_LIST_H_
#define RUNTIME_GC_CANDIDATE_LIST_H_

#include <cstdint>

namespace rt {

struct Object;

class CandidateList {
 public:
  CandidateList() = default;
  ~CandidateList() { Free(); }
  CandidateList(const CandidateList&) = delete;
  CandidateList& operator=(const CandidateList&) = delete;

  // Makes room for `count` objects. Returns false when out of memory.
  [[nodiscard]] bool Reserve(int64_t count);
  void Add(Object* object) { objects_[count_++] = object; }
  // Takes the next one out, with its reference; null at the end.
  Object* TakeNext() { return next_ == count_ ? nullptr : objects_[next_++]; }
  // Fetches what TakeNext() will return soon into the cache.
  void PrefetchNext() const {
    if (next_ + kPrefetchDistance < count_)
      __builtin_prefetch(objects_[next_ + kPrefetchDistance], 1);
  }
  // Keeps those that `keep(Object*)` says; the list holds no reference to others
  // any more.
  template <typename Keep>
  void Filter(Keep keep) {
    int64_t kept = 0;
    for (int64_t i = 0; i < count_; ++i) {
      Object* const object = objects_[i];
      if (keep(object)) objects_[kept++] = object;
    }
    count_ = kept;
  }
  // Gives the memory back. What is left in the list is forgotten.
  void Free();

  int64_t count() const { return count_; }
  int64_t left_count() const { return count_ - next_; }
  Object* at(int64_t index) const { return objects_[index]; }

 private:
  // 8: destroying takes some ten nanoseconds, memory a hundred.
  static constexpr int64_t kPrefetchDistance = 8;

  Object** objects_ = nullptr;
  int64_t count_ = 0;
  int64_t next_ = 0;
};

}  // namespace rt

#endif  // RUNTIME_GC_CANDIDATE_LIST_H_
