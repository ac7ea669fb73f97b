/* hnsw_order.h - a finished build as a graph, its nodes in an order that walks like. */
#pragma once
#include "index/hnsw_build.h"

/* A new graph with the builder's nodes: by level, and within one breadth first from the entry, so
 * that neighbours share pages and lines. Lists are within their degree. */
struct hnsw *order_finish(const struct builder *b);
