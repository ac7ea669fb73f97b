#!/usr/bin/env python3
"""The indexes and their peers on the same vectors, texts and questions, in turns, in one run.

    compare_search.py DATA_DIR [--rounds 5] [--sizes 40k,100k] [--engines NAME,...] [--parts vectors,filters,words,live]
                      [--clock wall|cpu] [--json FILE] [--report FILE.md]

DATA_DIR is what scripts/bench-data makes. Every engine is a child that speaks the lines of
bench/search_serve.h: build/release/bench/bench_search for ours, bench/peers/serve_search.py for each peer
(when this Python is that of build/peers-search, which scripts/setup --peers-search makes).

Builds use two threads, one engine after the other; everything else is one thread, and all children are
bound to the same processor. For each engine and recall the smallest candidate list that reaches it is
looked for first; then rounds go through the cases and, within a case, through the engines. A turn
runs all queries once without counting, then TIMES times. Minimum and median over all turns; ratios are
of minima.

--report writes the tables between the lines <!-- figures --> and <!-- end of figures --> of FILE.
"""
import argparse
import collections
import datetime
import importlib.util
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import compare
import search_ratios as ratios
import search_tables as search
import tables

OURS = "ragd"
BIN = os.environ.get("RAGD_BENCH") or os.path.join(ROOT, "build/release/bench")
VECTOR_PEERS = ("hnswlib", "faiss HNSW", "faiss HNSW SQ8", "USearch i8")
WORD_PEERS = ("bm25s", "tantivy")
BUILD_THREADS, TIMES = 2, 2
EF_MIN, EF_MAX = 10, 1500
SLOW_NS = 10e9  # a turn of so much processor time is the last of its engine in a case
LITTLE = 0.001  # of recall gained by a list twice as long: it will never be there
FEW = "few"  # the questions that filters are asked with
WALK, SCAN = "walk", "scan"  # only ours has a scan of its own


class Child(compare.Child):
    """Builds unbound; `bind` puts it where all others run."""

    def __init__(self, name, command):
        super().__init__(name, command, BUILD_THREADS)

    def bind(self):
        os.sched_setaffinity(self.process.pid, {max(os.sched_getaffinity(0))})

    def timed(self, line, n_extra=0):
        """(what comes first, [(wall ns, cpu ns, ...)])"""
        first, *turns = self.ask(line).split()
        return float(first), [tuple(map(int, t.split(":"))) for t in turns]


def peers_here():
    return importlib.util.find_spec("hnswlib") is not None


def commands(o, role, peers):
    """Engine name to command line."""
    found = {OURS: [os.path.join(BIN, "bench_search"), role]}
    if peers_here():
        for name in peers:
            found[name] = [sys.executable, os.path.join(HERE, "serve_search.py"), name]
    wanted = o.engines.split(",") if o.engines else []
    return {n: c for n, c in found.items() if not wanted or any(n.startswith(w) for w in wanted)}


class Part:
    """Children that do the same work; one that fails is named and dropped."""

    def __init__(self, o, result, role, peers):
        self.o, self.result, self.children = o, result, []
        for name, command in commands(o, role, peers).items():
            try:
                self.children.append(Child(name, command))
            except (compare.Failed, OSError) as e:
                result["skipped"].append(str(e))
        result["versions"].update({c.name: c.version for c in self.children})

    def drop(self, name):
        for child in [c for c in self.children if c.name == name]:
            child.close()
            self.children.remove(child)

    def each(self, act, *args, drop=True):
        """act(child, *args) for each; {name: what it gave}. Who fails is named, and dropped if so wanted."""
        found = {}
        for child in list(self.children):
            try:
                found[child.name] = act(child, *args)
            except compare.Failed as e:
                self.result["skipped"].append(str(e))
                if drop:
                    self.drop(child.name)
        return found

    def rounds(self, cases, line):
        """{(case, engine): [turn]}; line(case, engine) is what to ask, None: it takes no part."""
        turns = collections.defaultdict(list)
        for i in range(self.o.rounds):
            tell("round %d of %d" % (i + 1, self.o.rounds))
            for case in cases:
                for child in self.children:
                    asked = line(case, child.name)
                    if asked and not slow(turns[case, child.name]):
                        turns[case, child.name] += child.timed("%s %d" % (asked, 1 + TIMES))[1][1:]
        return {key: found for key, found in turns.items() if found}

    def close(self):
        for child in self.children:
            child.close()


def tell(text):
    print("\033[K%s" % text, end="\r", file=sys.stderr, flush=True)


def slow(turns):
    return any(t[1] > SLOW_NS for t in turns)


def smallest_ef(child, ask, target, known):
    """The smallest candidate list with that recall, and the recall; None when there is none that is
    not slow. `known` remembers what was asked before."""
    def recall(ef):
        if ef not in known:
            known[ef] = child.timed("%s %d 1" % (ask, ef))
        return known[ef][0]

    low, high = EF_MIN - 1, EF_MIN
    while recall(high) < target:
        if high == EF_MAX or low >= EF_MIN and recall(high) - recall(low) < LITTLE or slow(known[high][1]):
            return None
        low, high = high, min(2 * high, EF_MAX)
    while high - low > max(1, high // 64):
        middle = (low + high) // 2
        low, high = (low, middle) if recall(middle) >= target else (middle, high)
    return high, recall(high)


# ---- vectors ----

def vectors(o, result, size):
    part = Part(o, result, "vectors", VECTOR_PEERS)
    at = lambda name: os.path.join(o.data_dir, name)
    n = int(size.rstrip("k")) * 1000

    def build(child):
        tell("%s, %s: build" % (size, child.name))
        return child.ask("base %s %d %d" % (at("base-%s.f32" % size), n, BUILD_THREADS)).split()

    built = part.each(build)
    opened = part.each(lambda c: float(c.ask("open")), drop=False)
    part.each(Child.bind)
    for name in built:
        took, n_bytes = built[name]
        result["builds"][size, name] = {"s": seconds(o, took), "bytes": int(n_bytes),
                                        "open ms": opened[name] / 1e6 if name in opened else None}
    for asked in ratios.SETS:
        part.each(lambda c: c.ask("queries %s %s %s" % (asked, at(asked + ".f32"), at("gt-%s-%s.i32" % (size, asked)))))
    if "vectors" in o.parts:
        graph_rounds(part, result, size)
    if "filters" in o.parts:
        filters(part, result, size, at)
    part.close()


def seconds(o, turn):
    """Of a build. Processor time is that of all threads."""
    return int(turn.split(":")[1 if o.clock == "cpu" else 0]) / 1e9


def graph_rounds(part, result, size):
    known, lists = collections.defaultdict(dict), {}
    for asked in ratios.SETS:
        for target in ratios.TARGETS:
            for child in part.children:
                tell("%s, %s: %s at %s" % (size, child.name, asked, target))
                lists[asked, target, child.name] = smallest_ef(child, "run " + asked, target, known[asked, child.name])
    line = lambda case, name: "run %s %d" % (case[0], lists[case + (name,)][0]) if lists[case + (name,)] else None
    cases = [(s, t) for s in ratios.SETS for t in ratios.TARGETS]
    for (case, name), turns in part.rounds(cases, line).items():
        result["vectors"][(size,) + case + (name,)] = summary(part.o, turns, result["n"][case[0]], lists[case + (name,)])


def filters(part, result, size, at):
    """Each filter by itself: engines hold one at a time."""
    for share in ratios.SHARES:
        for kind in ratios.KINDS:
            name = "%s-%s-%s" % (size, share, kind)

            def prepare(child):
                tell("filter %s, %s" % (name, child.name))
                child.ask("queries %s %s %s" % (FEW, at("queries.f32"), at("gt-%s.i32" % name)))
                child.ask("allow " + at("allow-%s.u8" % name))
                return smallest_ef(child, "run-allowed " + FEW, ratios.FILTER_RECALL, {})

            lists = part.each(prepare, drop=False)
            scans = part.each(scan, set(lists), drop=False)
            line = {WALK: lambda e: "run-allowed %s %d" % (FEW, lists[e][0]) if lists.get(e) else None,
                    SCAN: lambda e: "scan-allowed " + FEW if scans.get(e) else None}
            found = part.rounds([WALK, SCAN], lambda how, engine: line[how](engine))
            for (how, engine), turns in found.items():
                keep_faster(result["filters"], (size, share, kind, engine), summary(
                    part.o, turns, result["n"][FEW], lists[engine] if how == WALK else (0, scans[engine])))


def scan(child, prepared):
    """Recall of a scan, of those that have one."""
    return child.timed("scan-allowed %s 1" % FEW)[0] if child.name == OURS and child.name in prepared else None


def keep_faster(results, key, found):
    """Which of them a search takes is the planner's choice; both are measured here."""
    if key not in results or found["min"] < results[key]["min"]:
        results[key] = found


def summary(o, turns, n, found):
    """ns of a query, by the clock that was asked for."""
    ns = sorted(t[1 if o.clock == "cpu" else 0] / n for t in turns)
    return {"ef": found[0], "recall": found[1], "min": ns[0], "median": ns[len(ns) // 2]}


# ---- words ----

def words(o, result):
    part = Part(o, result, "words", WORD_PEERS)
    at = lambda name: os.path.join(o.data_dir, name)

    def build(child):
        tell("words, %s: build" % child.name)
        return seconds(o, child.ask("texts %s 100000" % at("base-100k.txt")))

    result["word builds"] = part.each(build)
    part.each(Child.bind)
    part.each(lambda c: c.ask("questions %s %s" % (at("queries.txt"), at("gold.tsv"))))
    gold = part.each(lambda c: c.timed("run 1")[0])
    clock = 1 if o.clock == "cpu" else 0
    for (_, name), turns in part.rounds(["words"], lambda case, name: "run").items():
        result["words"][name] = {
            "gold": gold[name], "min": min(t[clock] for t in turns) / result["n"]["queries"],
            "median": sorted(t[clock] for t in turns)[len(turns) // 2] / result["n"]["queries"],
            "p50": min(t[2] for t in turns), "p99": min(t[3] for t in turns)}
    part.close()


# ---- the whole retriever ----

def live(o, result):
    """What bench_live prints: a name, a tab, a number a line."""
    for size in o.sizes:
        tell("%s: the whole retriever" % size)
        n = "%d" % (int(size.rstrip("k")) * 1000)
        run = subprocess.run([os.path.join(BIN, "bench_live"), o.data_dir, n, o.clock], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, encoding="utf-8", check=False)
        if run.returncode:
            result["skipped"].append("live, %s: %s" % (size, (run.stderr.strip().splitlines() or ["no word"])[-1]))
        for line in run.stdout.splitlines():
            name, _, value = line.partition("\t")
            result["live"][size, name] = float(value)


def measure(o):
    result = {"rounds": o.rounds, "clock": o.clock, "skipped": [], "versions": {}, "builds": {}, "vectors": {},
              "filters": {}, "words": {}, "word builds": {}, "live": {}, "n": counts(o)}
    if {"vectors", "filters"} & set(o.parts):
        for size in o.sizes:
            vectors(o, result, size)
    if "words" in o.parts:
        words(o, result)
    if "live" in o.parts:
        live(o, result)
    tell("")
    return result


def counts(o):
    """Queries of a set."""
    size = lambda name: os.path.getsize(os.path.join(o.data_dir, name)) // (10 * 4)
    first = "%s-%s-%s" % (o.sizes[0], ratios.SHARES[0], ratios.KINDS[0])
    return {"queries": size("gt-%s-queries.i32" % o.sizes[0]), "held": size("gt-%s-held.i32" % o.sizes[0]),
            FEW: size("gt-%s.i32" % first)}


def options(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    some = lambda text: text.split(",")
    p.add_argument("data_dir")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--sizes", type=some, default=["40k", "100k"])
    p.add_argument("--engines", help="only those whose names begin so, with commas between")
    p.add_argument("--parts", type=some, default=["vectors", "filters", "words", "live"])
    p.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    p.add_argument("--json")
    p.add_argument("--report")
    return p.parse_args(argv)


def main(argv=None):
    o = options(argv)
    if not os.path.exists(os.path.join(o.data_dir, "READY-100k")):
        print("bench-search: skipped, no data in %s; scripts/bench-data makes it of ../shared/data" % o.data_dir)
        return
    began = time.time()
    result = measure(o)
    result.update(machine=compare.machine(), date=datetime.date.today().isoformat(), seconds=time.time() - began)
    text = search.markdown(result)
    print(text)
    if not peers_here():
        print("peers: none here; scripts/setup --peers-search puts them into build/peers-search")
    if o.json:
        with open(o.json, "w", encoding="utf-8") as f:
            json.dump(compare.jsonable(result), f, indent=1)
    if o.report:
        tables.put_into(o.report, text)


if __name__ == "__main__":
    main()
