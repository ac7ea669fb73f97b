"""Arithmetic of `make bench-search`: which figures there are, the ratios and their bars.

A result of compare_search.measure goes in; times in it are ns of a query, the least turn and the median.
"""
from ratios import AT_LEAST, AT_MOST, Row

SETS = ("queries", "held")
SET_NAMES = {"queries": "questions", "held": "held-out sentences"}
TARGETS = (0.90, 0.95, 0.99)
SHARES = ("50", "10", "1", "0.1")  # per cent that pass
KINDS = ("any", "near")  # rows by chance, rows nearest to one topic
FILTER_RECALL = 0.98
OURS, GRAPH_PEER = "ragd", "hnswlib"
GRAPH_BARS = {0.90: 3.0, 0.95: 3.0, 0.99: 2.5}
FILTER_BARS = {"10": 20e3, "1": 100e3}  # queries a second
K = 1e3


def per_second(found):
    return 1e9 / found["min"] if found else None


def over(a, b):
    return a / b if a and b else None


def graph_rows(r):
    for size in sizes(r):
        for asked in SETS:
            for target, bar in GRAPH_BARS.items():
                ours, theirs = (r["vectors"].get((size, asked, target, e)) for e in (OURS, GRAPH_PEER))
                yield Row("ours / hnswlib, queries/s at %.2f, %s, %s" % (target, size, SET_NAMES[asked]),
                          over(per_second(ours), per_second(theirs)), AT_LEAST, bar, "")


def build_rows(r):
    for size in sizes(r):
        ours, theirs = (r["builds"].get((size, e), {}) for e in (OURS, GRAPH_PEER))
        yield Row("build, ours / hnswlib, %s" % size, over(ours.get("s"), theirs.get("s")), AT_MOST, 0.4,
                  "or 40k in 3.5 s" + of_clock(r) if size == "40k" else of_clock(r).lstrip(", "))
        yield Row("resident bytes a vector, %s" % size, ours.get("bytes"), AT_MOST, 560, "")
        yield Row("opening, ms, %s" % size, ours.get("open ms"), AT_MOST, 5, "")


def filter_rows(r):
    for size in sizes(r):
        for share, bar in FILTER_BARS.items():
            found = [r["filters"].get((size, share, kind, OURS)) for kind in KINDS]
            least = min(map(per_second, found)) if all(found) else None
            yield Row("filter of %s %%, queries/s, %s" % (share, size), least, AT_LEAST, bar,
                      "the slower of the two kinds")


def word_rows(r):
    w = r["words"]
    ours, bm25s, tantivy = w.get(OURS), w.get("bm25s"), w.get("tantivy")
    yield Row("words: ours / bm25s, queries/s", over(per_second(ours), per_second(bm25s)), AT_LEAST, 4, "")
    yield Row("words: tantivy's p50 / ours", over(tantivy and tantivy["p50"], ours and ours["p50"]), AT_LEAST, 6, "")
    theirs = [x["gold"] for x in (bm25s, tantivy) if x]
    yield Row("words: gold in ten below the better peer", max(theirs) - ours["gold"] if ours and theirs else None,
              AT_MOST, 0.005, "")
    yield Row("words: build, s", r["word builds"].get(OURS), AT_MOST, 1, of_clock(r).lstrip(", "))


def of_clock(r):
    return ", by processor time of both threads" if r.get("clock") == "cpu" else ""


def live_rows(r):
    for size in sizes(r):
        get = lambda name: r["live"].get((size, name))
        yield Row("search p99 during ingest / idle, %s" % size, over(get("vector p99 ingest"), get("vector p99 idle")),
                  AT_MOST, 2, "")
        yield Row("hybrid with filter, top 10, p50 ms, %s" % size, over(get("hybrid filter p50"), 1e6), AT_MOST, 0.15,
                  "a filter of 10 %")


def sizes(r):
    """In the order they came."""
    return list(dict.fromkeys([key[0] for key in [*r["builds"], *r["live"]]]))


def rows(r):
    return [*graph_rows(r), *build_rows(r), *filter_rows(r), *(word_rows(r) if r["words"] else []),
            *(live_rows(r) if r["live"] else [])]
