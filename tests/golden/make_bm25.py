#!/usr/bin/env python3
"""Writes bm25.json: BM25 scores of a plain implementation, over made-up documents.

    make_bm25.py > bm25.json        (bm25s, if it is installed, is asked for the same scores)

The formula is Lucene's (8 and later), with exact lengths:

    score(q, d) = sum over the words t of q, repeated words again, of
                  ln(1 + (N - n_t + 0.5) / (n_t + 0.5)) * tf / (tf + k1 * (1 - b + b * len_d / avglen))

There is no factor (k1 + 1): Lucene dropped it because it changes no order. N counts all documents,
the empty one too, and so does avglen.

    {"k1", "b", "documents": [[word...]...], "queries": [{"words": [...], "hits": [[document, score]...]}]}

hits are all documents with a score above 0, best first, then by number."""

import json
import math
import random
import sys

SEED = 20240612
K1, B = 1.2, 0.75
N_DOCUMENTS, N_WORDS, N_QUERIES = 300, 400, 60


def make_words(rng):
    syllables = ["ba", "ko", "ri", "tu", "men", "sal", "vo", "ne", "dra", "pi", "lo", "gus", "ta", "fe", "shi", "un"]
    words = set()
    while len(words) < N_WORDS:
        words.add("".join(rng.choice(syllables) for _ in range(rng.randrange(1, 4))))
    words = sorted(words)  # a set has another order in every run
    rng.shuffle(words)
    return words


def make_documents(rng, words):
    """Zipf's law for words, lengths from 0 to 150, one document twice, one word in all but one."""
    weights = [1 / (rank + 1) for rank in range(len(words))]
    lengths = [0, 1, 1, 2] + [int(rng.lognormvariate(3, 0.8)) % 150 + 1 for _ in range(N_DOCUMENTS - 5)]
    documents = [rng.choices(words, weights, k=n) for n in lengths]
    documents = [d + ["everywhere"] if d else d for d in documents]
    documents.append(["hapax"] * 7)
    documents[10] = list(documents[11])
    return documents


def make_queries(rng, words):
    queries = [["everywhere"], ["hapax"], ["absent"], [words[0]], [words[0], words[0]], ["absent", words[3], "hapax"], []]
    while len(queries) < N_QUERIES:
        queries.append([words[min(int(rng.expovariate(0.02)), len(words) - 1)] for _ in range(rng.randrange(1, 9))])
    return queries


def scores(documents, query):
    n = len(documents)
    average = sum(map(len, documents)) / n
    out = [0.0] * n
    for word in query:
        n_with = sum(word in d for d in documents)
        idf = math.log(1 + (n - n_with + 0.5) / (n_with + 0.5))
        for i, d in enumerate(documents):
            tf = d.count(word)
            if tf:
                out[i] += idf * tf / (tf + K1 * (1 - B + B * len(d) / average))
    return out


def cross_check(documents, results):
    """bm25s refuses words that no document has, so these are left out of its queries."""
    try:
        import bm25s
    except ImportError:
        print("bm25s is not installed: not cross-checked", file=sys.stderr)
        return
    index = bm25s.BM25(method="lucene", k1=K1, b=B)
    index.index(documents, show_progress=False)
    worst, n = 0.0, 0
    for query, ours in results:
        known = [w for w in query if w in index.vocab_dict]
        if not known:
            continue
        theirs = index.get_scores(known)
        worst = max(worst, max(abs(a - b) for a, b in zip(ours, theirs)))
        n += 1
    print(f"bm25s {bm25s.__version__}: {n} queries, largest difference {worst:.1e}", file=sys.stderr)
    assert worst < 1e-5 and n > 50


def main():
    rng = random.Random(SEED)
    words = make_words(rng)
    documents = make_documents(rng, words)
    results = [(q, scores(documents, q)) for q in make_queries(rng, words)]
    cross_check(documents, results)
    queries = []
    for query, all_scores in results:
        hits = [[i, round(s, 7)] for i, s in enumerate(all_scores) if s > 0]
        hits.sort(key=lambda hit: (-hit[1], hit[0]))
        queries.append({"words": query, "hits": hits})
    print(json.dumps({"k1": K1, "b": B, "documents": documents, "queries": queries}, separators=(",", ":")))


if __name__ == "__main__":
    main()
