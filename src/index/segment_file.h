/* segment_file.h - a segment as one file of sections (base/sections.h), mapped and used in place.
 *
 *   about          4 u64    layout (SEGMENT_LAYOUT), chunks, documents, dimensions
 *   vectors        f32[chunks, dim]   rows of zeros where missing
 *   no_vector      u64      bitmap of the chunks without one; empty: all have theirs
 *   chunk_id       u64[chunks]
 *   document       u32[chunks]        the document's place
 *   first_chunk    u32[documents + 1]
 *   document_id    u64[documents]     the store's
 *   version        u64[documents]
 *   codes          u8[chunks, stride] where there is no graph (index/codes.h)
 *   graph.*        index/hnsw.h, where there is one
 *   keys.* words.* columns.*          index/dict.h, index/bm25.h, index/columns.h
 *
 * Threads  free of state.
 * Errors   of sections.h; ERR_FORMAT for a file that is not a segment of these dimensions.
 */
#pragma once
#include "index/segment.h"

#define SEGMENT_LAYOUT 1

int segment_save(const struct segment *s, const char *path);

/* Every byte is checked before anything is read from it. */
int segment_map(struct segment **out, const char *path, size_t dim);
