// The black box for the daemon: make it, map it, read it.
#ifndef STRESSD_PROTOCOL_BLACK_BOX_H_
#define STRESSD_PROTOCOL_BLACK_BOX_H_

#include "stressd/protocol/black_box_layout.h"  // IWYU pragma: export
#include "stressd/protocol/black_box_memory.h"  // IWYU pragma: export
#include "stressd/protocol/black_box_view.h"    // IWYU pragma: export

#endif  // STRESSD_PROTOCOL_BLACK_BOX_H_
