/* hnsw_repair.h - links of an older graph kept, mended where a neighbour is gone; and the nodes
 * that no walk would reach. */
#pragma once
#include "index/hnsw_build.h"

/* Fills the lists of nodes that come from the older graph. false when it was stopped. */
bool repair_keep_links(struct builder *b);

/* Gives every node that cannot be reached from the entry on level 0 a link from one that can. Lists
 * are within their degree before and after. */
void repair_reach(struct builder *b);
