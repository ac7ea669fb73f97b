"""20,000 passages and the questions asked of them, for the benchmarks of the whole service.

The 2,067 paragraphs of squad-dev and, up to that number, pieces of some 60 to 100 words of the other
texts of ../shared/data (or RAGD_SHARED), in an order from a fixed seed, lines of filings last; the
questions are those of squad-dev, unanswerable ones too. Without that folder: the paragraphs and sentences of examples/finance, which are
few. Made once, in build/bench-data (or BENCH_DATA):

    passages.jsonl     {"id", "text", "metadata": {"shelf": 0..9}}; the first N_SQUAD are of squad-dev
    passages/          ragd's data folder with a chunk each
"""
import glob
import importlib.machinery
import importlib.util
import json
import os
import random
import re

import service

SEED, N, WORDS, SHELVES = 12, 20_000, 60, 10
FOLDER = os.environ.get("BENCH_DATA") or os.path.join(service.ROOT, "build/bench-data")
FINANCE = os.path.join(service.ROOT, "examples/finance")
HAVE_SHARED = os.path.isdir(service.shared("squad-dev"))


def bench_data():
    """The script that knows the texts."""
    loader = importlib.machinery.SourceFileLoader(
        "bench_data", os.path.join(service.ROOT, "scripts/bench-data"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_data", loader))
    loader.exec_module(module)
    return module


def pieces(sentences):
    """Following sentences, until there are words enough."""
    part = []
    for s in sentences:
        part.append(s)
        if sum(len(p.split()) for p in part) >= WORDS:
            yield " ".join(part)
            part = []


def finance_paragraphs():
    for path in sorted(glob.glob(os.path.join(FINANCE, "**/*.md"), recursive=True)):
        with open(path, encoding="utf-8") as f:
            yield from (" ".join(p.split()) for p in re.split(r"\n\s*\n", f.read()) if len(p) > 100)


def texts():
    if not HAVE_SHARED:
        return list(finance_paragraphs())
    found = [r["text"] for r in service.records("squad-dev", "corpus.jsonl")]
    source, seen = bench_data(), set()
    for more in (source.others, source.lines):
        others = list(pieces(source.unique(more(), seen)))
        random.Random(SEED).shuffle(others)
        found += others[:N - len(found)]
    return found


def passages():
    """Path of the file; its records."""
    path = os.path.join(FOLDER, "passages.jsonl")
    if not os.path.exists(path):
        os.makedirs(FOLDER, exist_ok=True)
        with open(path + ".part", "w", encoding="utf-8") as f:
            for i, text in enumerate(texts()):
                f.write(json.dumps({"id": "p%d" % i, "text": text, "metadata": {"shelf": i % SHELVES}}) + "\n")
        os.rename(path + ".part", path)
    with open(path, encoding="utf-8") as f:
        return path, [json.loads(line) for line in f]


def n_squad():
    return len(service.records("squad-dev", "corpus.jsonl")) if HAVE_SHARED else 0


def questions():
    """Each once, in an order from a fixed seed."""
    if HAVE_SHARED:
        found = [r["text"] for name in ("queries.jsonl", "unanswerable.jsonl")
                 for r in service.records("squad-dev", name)]
    else:
        found = ["%s (%d)" % (p.split(". ")[0], i) for i in range(200) for p in finance_paragraphs()]
    found = list(dict.fromkeys(" ".join(q.split()) for q in found))
    random.Random(SEED).shuffle(found)
    return found


def ragd_folder():
    """ragd's data folder with all of them; made when it is not there."""
    folder = os.path.join(FOLDER, "passages")
    service.ragd_json("ingest", folder, "--chunk-chars", "0", passages()[0], ok=(0,))
    return folder
