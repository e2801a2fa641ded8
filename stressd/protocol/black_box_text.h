// Texts of the black box: copied word by word, without allocation on the
// writing side.
//
// Thread safety.  One writer, any readers; async-signal-safe writing.
#ifndef STRESSD_PROTOCOL_BLACK_BOX_TEXT_H_
#define STRESSD_PROTOCOL_BLACK_BOX_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "stressd/protocol/black_box_layout.h"

namespace stressd::protocol {

// Stores `text`, cut at `word_count` words, padded with zeros.
void StoreTextWords(Word64* words, size_t word_count, std::string_view text);
// Loads up to the first zero byte. Bytes that are not printable ASCII become
// '?', so that what a broken host left cannot disturb a terminal or the store.
std::string LoadTextWords(const Word64* words, size_t word_count);

template <size_t kBytes>
void StoreText(Text<kBytes>& field, std::string_view text) {
  StoreTextWords(field.words, kBytes / 8, text);
}

template <size_t kBytes>
std::string LoadText(const Text<kBytes>& field) {
  return LoadTextWords(field.words, kBytes / 8);
}

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_BLACK_BOX_TEXT_H_
