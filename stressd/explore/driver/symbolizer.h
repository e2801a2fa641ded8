// Addresses of the program as function, file and line, through llvm-symbolizer.
//
// Thread safety.  One thread.
#ifndef STRESSD_EXPLORE_DRIVER_SYMBOLIZER_H_
#define STRESSD_EXPLORE_DRIVER_SYMBOLIZER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace explore {

class Symbolizer {
 public:
  // `image_base`: where the program was loaded.
  Symbolizer(std::string program, uint64_t image_base)
      : program_(std::move(program)), image_base_(image_base) {}

  // Looks many addresses up at once; later calls of Describe() are free.
  void Prefetch(const std::vector<uint64_t>& return_addresses);

  // "Reader() r1_refcount.cc:46:5", or the bare offset where nothing is known.
  // `return_address`: of the call; the call itself is described.
  const std::string& Describe(uint64_t return_address);
  // The function's name alone.
  std::string Function(uint64_t return_address);

 private:
  std::string program_;
  uint64_t image_base_;
  std::map<uint64_t, std::string> known_;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_SYMBOLIZER_H_
