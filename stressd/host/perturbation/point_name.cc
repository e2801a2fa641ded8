#include "stressd/host/perturbation/point_name.h"

namespace stressd::host {
namespace {

// Of FNV-1a (Fowler, Noll, Vo).
constexpr uint64_t kOffset = 0xcbf29ce484222325u;
constexpr uint64_t kPrime = 0x100000001b3u;

uint64_t Add(uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return hash;
}

uint64_t Finish(uint64_t hash) { return hash == 0 ? 1 : hash; }

// The path from the root of the sources on, wherever they were compiled.
std::string_view PathOf(std::string_view file) {
  for (const std::string_view room : {"/runtime/", "/stressd/"}) {
    const size_t at = file.rfind(room);
    if (at != file.npos) return file.substr(at + 1);
  }
  return file;
}

struct Digits {
  char text[10];
  size_t size = 0;
};

Digits DigitsOf(uint32_t number) {
  Digits reversed;
  do {
    reversed.text[reversed.size++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  Digits digits;
  while (reversed.size > 0) digits.text[digits.size++] = reversed.text[--reversed.size];
  return digits;
}

}  // namespace

std::string PointName(rt::SchedulePointSite site) {
  if (site.name() != nullptr) return site.name();
  return std::string(PathOf(site.file())) + ":" + std::to_string(site.line());
}

uint64_t PointHash(std::string_view name) { return Finish(Add(kOffset, name)); }

uint64_t PointHash(rt::SchedulePointSite site) {
  if (site.name() != nullptr) return PointHash(std::string_view(site.name()));
  const Digits digits = DigitsOf(site.line());
  return Finish(Add(Add(Add(kOffset, PathOf(site.file())), ":"), {digits.text, digits.size}));
}

}  // namespace stressd::host
