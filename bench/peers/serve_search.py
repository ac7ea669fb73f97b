#!/usr/bin/env python3
"""One peer as a child that is told what to run: the protocol of bench/search_serve.h.

    serve_search.py ENGINE     a name of search_peers.VECTORS or WORDS
"""
import os
import sys
import tempfile
import time

import numpy as np

import search_peers

DIM, K = 384, 10


def timed(call, *args):
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    result = call(*args)
    return result, time.perf_counter_ns() - wall, time.process_time_ns() - cpu


def lines_of(path, n=None):
    with open(path, encoding="utf-8") as f:
        return [line.rstrip("\n") for line in f][:n]


class Vectors:
    """`base`, `queries`, `allow`, `run`, `open`."""

    def __init__(self, engine):
        self.engine, self.queries, self.allowed = engine, {}, None

    def base(self, path, n, n_threads):
        base = np.fromfile(path, "<f4", int(n) * DIM).reshape(-1, DIM)
        _, wall, cpu = timed(self.engine.build, base, int(n_threads))
        with tempfile.TemporaryDirectory() as folder:
            self.engine.save(os.path.join(folder, "index"))
            size = os.path.getsize(os.path.join(folder, "index"))
        return "%d:%d %d" % (wall, cpu, size // len(base))

    def read_queries(self, name, path, exact):
        rows = np.fromfile(path, "<f4").reshape(-1, DIM)
        self.queries[name] = rows, np.fromfile(exact, "<i4").reshape(-1, K)
        return "%d" % len(rows)

    def allow(self, path):
        if not hasattr(self.engine, "allow"):
            raise ValueError("it has no filters")
        self.engine.allow(np.fromfile(path, "u1"))
        return ""

    def run(self, name, ef, times, search):
        queries, exact = self.queries[name]
        found, took = None, []
        for _ in range(int(times)):
            found, wall, cpu = timed(search, queries, K, int(ef))
            took.append("%d:%d" % (wall, cpu))
        return " ".join(["%.5f" % recall(found, exact)] + took)

    def open(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "index")
            self.engine.save(path)
            return "%d" % min(timed(self.engine.open, path)[1] for _ in range(3))

    def answer(self, word, rest):
        if word == "base":
            return self.base(*rest)
        if word == "queries":
            return self.read_queries(*rest)
        if word == "allow":
            return self.allow(*rest)
        if word == "run":
            return self.run(*rest, self.engine.search)
        if word == "run-allowed":
            return self.run(*rest, self.engine.search_allowed)
        if word == "open":
            return self.open()
        raise ValueError("'%s' is none of base, queries, allow, run, run-allowed, open" % word)


def recall(found, exact):
    """Rows of -1 in what is exact: there were fewer."""
    hits = sum(np.isin(e[e >= 0], f).sum() for f, e in zip(found, exact))
    return hits / (exact >= 0).sum()


class Words:
    """`texts`, `questions`, `run`."""

    def __init__(self, engine):
        self.engine, self.gold = engine, []

    def texts(self, path, n):
        texts = lines_of(path, int(n))
        return "%d:%d" % timed(self.engine.build, texts)[1:]

    def read_questions(self, path, gold):
        self.questions = lines_of(path)
        self.gold = [set(map(int, line.split("\t")[1:])) for line in lines_of(gold)]
        return "%d" % len(self.questions)

    def run(self, times):
        """All in one call, then one by one for the percentiles."""
        took, found = [], None
        for _ in range(int(times)):
            found, wall, cpu = timed(self.engine.search, self.questions)
            each = sorted(timed(self.engine.search, [q])[1] for q in self.questions)
            took.append("%d:%d:%d:%d" % (wall, cpu, each[len(each) // 2], each[len(each) * 99 // 100]))
        hits = sum(not gold.isdisjoint(map(int, rows)) for rows, gold in zip(found, self.gold))
        return " ".join(["%.5f" % (hits / len(self.gold))] + took)

    def answer(self, word, rest):
        if word == "texts":
            return self.texts(*rest)
        if word == "questions":
            return self.read_questions(*rest)
        if word == "run":
            return self.run(*rest)
        raise ValueError("'%s' is none of texts, questions, run" % word)


def open_engine(name):
    if name in search_peers.WORDS:
        return Words(search_peers.WORDS[name]())
    return Vectors(search_peers.VECTORS[name]())


def main():
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the libraries print is not an answer
    served = open_engine(sys.argv[1])
    print("ready", served.engine.version, file=out, flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        try:
            reply = "ok " + served.answer(word, rest)
        except Exception as e:  # the driver says which engine failed, and goes on
            reply = "error %s: %s" % (type(e).__name__, str(e).replace("\n", " "))
        print(reply, file=out, flush=True)


if __name__ == "__main__":
    main()
