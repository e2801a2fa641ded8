#include "stressd/protocol/black_box_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace stressd::protocol {

void StoreTextWords(Word64* words, size_t word_count, std::string_view text) {
  for (size_t i = 0; i < word_count; ++i) {
    char bytes[8] = {};
    if (i * 8 < text.size()) {
      const std::string_view part = text.substr(i * 8, 8);
      std::memcpy(bytes, part.data(), part.size());
    }
    uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof(word));
    // relaxed: the writer publishes the text by another word.
    words[i].store(word, std::memory_order_relaxed);
  }
}

std::string LoadTextWords(const Word64* words, size_t word_count) {
  std::string text(word_count * 8, '\0');
  for (size_t i = 0; i < word_count; ++i) {
    // relaxed: the caller has read the word that publishes the text.
    const uint64_t word = words[i].load(std::memory_order_relaxed);
    std::memcpy(text.data() + i * 8, &word, sizeof(word));
  }
  text.resize(std::min(text.find('\0'), text.size()));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

}  // namespace stressd::protocol
