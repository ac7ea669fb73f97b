#!/usr/bin/env python3
"""What `ragd tune` gains on questions it has not been given, and that nonsense is not kept.

Half of a set's questions are given as pairs, the other half is asked before and after. The halves are
cut by document (no document of the asked half was given) and by question (other questions on the same
documents). Then the same pairs with their documents exchanged at random: nothing may be kept.

    tests/quality/tune.py [--sets tatqa-dev,cfr-dev] [--json FILE]
"""
import json
import os
import random

import service
from figures import Figures, options, tell

MODES = "vector,hybrid"
STATIC = "vector-static,hybrid-static"
# Of MRR@10 by vectors. cfr-dev has one question a document: there is one way to cut it.
BARS = {("tatqa-dev", "document"): 0.03, ("tatqa-dev", "question"): 0.04, ("cfr-dev", "document"): 0.0}


def judged(name):
    """[(question id, text, document)] in the order of the file."""
    texts = {q["id"]: q["text"] for q in service.records(name, "queries.jsonl")}
    with open(service.shared(name, "qrels.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f][1:]
    return [(q, texts[q], d) for q, d, _ in rows if q in texts]


def halves(rows, cut):
    """Given and asked."""
    at = 2 if cut == "document" else 0
    names = sorted({row[at] for row in rows})
    random.Random(1).shuffle(names)
    given = set(names[:len(names) // 2])
    return [r for r in rows if r[at] in given], [r for r in rows if r[at] not in given]


def write_pairs(path, rows):
    with open(path, "w", encoding="utf-8") as f:
        for _, text, document in rows:
            f.write(json.dumps({"question": text, "document": document}) + "\n")


def evaluate(name, data, qrels, modes):
    found = service.ragd_json("eval", data, "--modes", modes, "--questions",
                              service.shared(name, "queries.jsonl"), "--qrels", qrels, ok=(0,))
    return {m["mode"]: m for m in found["modes"]}


def tune(data, rows, path):
    write_pairs(path, rows)
    return service.ragd_json("tune", data, "--pairs", path, ok=(0,))


def one_cut(name, data, cut, modes, out):
    given, asked = halves(judged(name), cut)
    base = "%s-%s" % (data, cut)
    with open(base + ".tsv", "w", encoding="utf-8") as f:
        f.writelines("%s\t%s\t1\n" % (q, d) for q, _, d in asked)
    service.ragd_json("tune", data, "--remove", ok=(0,))
    before = evaluate(name, data, base + ".tsv", modes)
    said = tune(data, given, base + ".jsonl")
    after = evaluate(name, data, base + ".tsv", modes)
    service.ragd_json("tune", data, "--remove", ok=(0,))
    for mode in before:
        for measure in ("mrr@10", "recall@10"):
            bar = BARS.get((name, cut)) if (mode, measure) == ("vector", "mrr@10") else None
            out.add("by %s, %s %s: gain" % (cut, mode, measure),
                    after[mode][measure] - before[mode][measure], "%+.4f", bar)
            out.note("by %s, %s %s: %.4f before, %.4f after" % (
                cut, mode, measure, before[mode][measure], after[mode][measure]))
    out.note("by %s: %d questions given, gain foreseen %+.4f (error %.4f), strength %.2f, %s, %.1f s" % (
        cut, said["questions"], said["gain"], said["error"], said["strength"],
        "kept" if said["kept"] else "not kept", said["seconds"]))


def shuffled(name, data, out):
    rows = judged(name)
    kept = 0
    for seed in range(3):
        documents = [d for _, _, d in rows]
        random.Random(seed).shuffle(documents)
        mixed = [(q, text, d) for (q, text, _), d in zip(rows, documents)]
        kept += tune(data, mixed[:500], data + "-shuffled.jsonl")["kept"]
    out.add("adapters kept of 3 learnt from pairs at random", kept, "%d", 0, "at most")


def one_set(name):
    data = service.one_chunk_a_record(name)
    out = Figures(name, "ragd tune --pairs HALF && ragd eval --modes %s --questions queries.jsonl --qrels OTHER" % MODES)
    one_cut(name, data, "document", MODES + "," + STATIC, out)
    rows = judged(name)
    if len({d for _, _, d in rows}) < len(rows):
        one_cut(name, data, "question", MODES, out)
    shuffled(name, data, out)
    return out


def main():
    o = options(__doc__, sets="tatqa-dev,cfr-dev")
    service.need_shared()
    os.makedirs(service.WORK, exist_ok=True)
    tell(o, *(one_set(name) for name in o.sets.split(",")))


if __name__ == "__main__":
    main()
