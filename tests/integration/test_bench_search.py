#!/usr/bin/env python3
"""What `make bench-search` says can be trusted: its arithmetic, the lines its children speak, its report.

No time is judged here. Engines are stand-ins that answer with fixed figures, but for the protocol of
our own, which is the program itself on a few vectors and texts.
"""
import contextlib
import importlib.machinery
import importlib.util
import io
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(os.environ.get("RAGD_BUILD", os.path.join(ROOT, "build/debug")), "bench")
sys.path.insert(0, os.path.join(ROOT, "bench/peers"))
sys.dont_write_bytecode = True
import compare_search as compare
import ratios as bars
import search_ratios as ratios

CASES = []
DIM, N, K = 384, 300, 10


def case(function):
    CASES.append(function)
    return function


def empty():
    return {"builds": {}, "vectors": {}, "filters": {}, "words": {}, "word builds": {}, "live": {}}


def row(result, name):
    return next(r for r in ratios.rows(result) if r.name == name)


def found(ns, ef=10):
    return {"ef": ef, "recall": 0.95, "min": ns, "median": ns}


# ---- arithmetic ----

@case
def a_ratio_is_of_queries_a_second_at_the_same_recall():
    r = empty()
    r["builds"] = {("40k", "ragd"): {"s": 3.0, "bytes": 524, "open ms": 1.0},
                   ("40k", "hnswlib"): {"s": 10.0, "bytes": 1684, "open ms": 70.0}}
    r["vectors"] = {("40k", "queries", 0.95, "ragd"): found(20e3), ("40k", "queries", 0.95, "hnswlib"): found(50e3)}
    ratio = row(r, "ours / hnswlib, queries/s at 0.95, 40k, questions")
    assert math.isclose(ratio.value, 2.5) and bars.verdict(ratio) == "17 % short", ratio
    assert bars.verdict(row(r, "build, ours / hnswlib, 40k")) == "met"
    assert bars.verdict(row(r, "ours / hnswlib, queries/s at 0.99, 40k, questions")) == "not measured"


@case
def a_filter_counts_with_its_slower_kind():
    r = empty()
    r["builds"] = {("40k", "ragd"): {"s": 1, "bytes": 1, "open ms": 1}}
    r["filters"] = {("40k", "10", "any", "ragd"): found(25e3), ("40k", "10", "near", "ragd"): found(100e3)}
    assert math.isclose(row(r, "filter of 10 %, queries/s, 40k").value, 10e3)
    del r["filters"]["40k", "10", "any", "ragd"]
    assert row(r, "filter of 10 %, queries/s, 40k").value is None


@case
def of_walk_and_scan_the_faster_is_kept():
    results = {}
    for ns in (30, 10, 20):
        compare.keep_faster(results, "key", found(ns))
    assert results["key"]["min"] == 10


@case
def more_gold_than_the_peers_is_no_fault():
    r = empty()
    r["words"] = {"ragd": {"min": 10e3, "p50": 1e4, "gold": 0.84}, "bm25s": {"min": 50e3, "p50": 1e5, "gold": 0.83},
                  "tantivy": {"min": 80e3, "p50": 7e4, "gold": 0.82}}
    assert bars.verdict(row(r, "words: gold in ten below the better peer")) == "met"
    assert math.isclose(row(r, "words: ours / bm25s, queries/s").value, 5)
    assert math.isclose(row(r, "words: tantivy's p50 / ours").value, 7)
    r["words"]["ragd"]["gold"] = 0.82
    assert bars.verdict(row(r, "words: gold in ten below the better peer")) == "100 % over"


class Curve:
    """An engine whose recall grows with its list, and that counts how often it is asked."""

    def __init__(self, recall):
        self.recall, self.asked = recall, 0

    def timed(self, line):
        self.asked += 1
        return self.recall(int(line.split()[2])), []


@case
def the_smallest_list_with_the_recall_is_found():
    curve = Curve(lambda ef: 1 - 1 / ef)
    ef, recall = compare.smallest_ef(curve, "run q", 0.98, {})
    assert ef == 50 and math.isclose(recall, 0.98), ef
    assert curve.asked < 12
    assert compare.smallest_ef(Curve(lambda ef: 1.0), "run q", 0.9, {})[0] == compare.EF_MIN


@case
def a_recall_that_no_list_reaches_is_given_up():
    curve = Curve(lambda ef: min(0.93, ef / 20))
    assert compare.smallest_ef(curve, "run q", 0.95, {}) is None
    assert curve.asked < 8


# ---- data ----

def bench_data():
    path = os.path.join(ROOT, "scripts/bench-data")
    loader = importlib.machinery.SourceFileLoader("bench_data", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_data", loader))
    loader.exec_module(module)
    return module


@case
def without_shared_documents_nothing_is_made():
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run([sys.executable, os.path.join(ROOT, "scripts/bench-data"), os.path.join(folder, "to")],
                             env=dict(os.environ, RAGD_SHARED=folder), stdout=subprocess.PIPE, text=True, check=True)
        assert "skipped" in out.stdout and os.listdir(folder) == [], out.stdout


@case
def a_text_is_cut_into_sentences_of_a_fair_length():
    data = bench_data()
    text = "A first sentence stands\nhere on two lines. Short one. Then a \"second\" follows it? No.\n\n" \
           "1 2 3 4 5 6 7 8 9 10 11 12 13"
    assert list(data.sentences(text)) == ["A first sentence stands here on two lines.", "Then a \"second\" follows it?"]
    assert list(data.unique(["Same text", "same TEXT", "other"], set())) == ["Same text", "other"]


# ---- children ----

FAKE = """
import sys
role = "words" if "words" in sys.argv else "vectors"
print("ready fake", flush=True)
for line in sys.stdin:
    word = line.split()[0]
    if word == "base":
        print("ok 2000000000:3000000000 512")
    elif word == "texts":
        print("ok 500000000:700000000")
    elif word == "open":
        print("error it has no files")
    elif word == "run" and role == "words":
        print("ok 0.8", " ".join(["90000:80000:9000:20000"] + ["50000:40000:5000:10000"] * (int(line.split()[1]) - 1)))
    elif word.startswith("run"):
        n = int(line.split()[3])
        print("ok 0.999", " ".join(["900000:800000"] + ["500000:400000"] * (n - 1)))
    elif word == "allow" and "near" in line:
        print("error no such filter")
    elif word == "scan-allowed":
        print("ok 0.999", " ".join(["700000:700000"] * int(line.split()[2])))
    else:
        print("ok 10")
    sys.stdout.flush()
"""


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def fake_data(folder):
    """As many queries as files of exact neighbours say: ten."""
    names = ["gt-40k-%s.i32" % s for s in ratios.SETS]
    names += ["gt-40k-%s-%s.i32" % (s, k) for s in ratios.SHARES for k in ratios.KINDS]
    for name in names:
        write(os.path.join(folder, name), bytes(4 * K * 10))
    write(os.path.join(folder, "READY-100k"), b"")


def run_with(engines, *words):
    """compare_search.main with these engines: what it printed."""
    out, old = io.StringIO(), (compare.commands, compare.peers_here)
    compare.commands = lambda o, role, peers: {n: c + [role] for n, c in engines.items()}
    compare.peers_here = lambda: False
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(io.StringIO()):
            fake_data(folder)
            compare.main([folder, "--rounds", "2", "--sizes", "40k", *words])
    finally:
        compare.commands, compare.peers_here = old
    return out.getvalue()


@case
def the_first_run_of_a_turn_is_not_counted():
    text = run_with({"ragd": [sys.executable, "-c", FAKE]}, "--parts", "vectors,words")
    assert "| ragd | 20.0k (20.0k), ef 10 |" in text, text
    assert "| ragd | 200k (200k) | 5.0 | 10.0 | 0.8000 | 0.50 |" in text, text


@case
def processor_time_is_counted_when_asked_for():
    text = run_with({"ragd": [sys.executable, "-c", FAKE]}, "--parts", "vectors,words", "--clock", "cpu")
    assert "| ragd | 25.0k (25.0k), ef 10 |" in text and "| ragd | 250k (250k) |" in text, text
    assert "| 40k | ragd | 3.00 | 512 | - |" in text and "| 0.8000 | 0.70 |" in text, text


@case
def what_an_engine_cannot_do_is_named_and_it_goes_on():
    text = run_with({"ragd": [sys.executable, "-c", FAKE]}, "--parts", "vectors,filters")
    assert "ragd: it has no files" in text and "ragd: no such filter" in text, text
    assert "| ragd | 20.0k (20.0k), ef 10 |" in text and "| 40k | ragd | 2.00 | 512 | - |" in text, text


@case
def an_engine_that_does_not_start_is_named():
    broken = [sys.executable, "-c", "raise SystemExit('no such library')"]
    text = run_with({"ragd": [sys.executable, "-c", FAKE], "hnswlib": broken}, "--parts", "vectors")
    assert "hnswlib: no such library" in text and "| ragd | 20.0k" in text, text


@case
def without_peers_one_line_says_how_to_get_them():
    text = run_with({"ragd": [sys.executable, "-c", FAKE]}, "--parts", "words")
    assert [line for line in text.splitlines() if "scripts/setup --peers-search" in line], text


@case
def without_data_it_says_what_makes_them():
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(out):
        compare.main([folder])
    assert "skipped" in out.getvalue() and "scripts/bench-data" in out.getvalue(), out.getvalue()


# ---- our own children ----

def unit(rng):
    v = [rng.gauss(0, 1) for _ in range(DIM)]
    length = math.sqrt(math.fsum(x * x for x in v))
    return [x / length for x in v]


def own_data(folder):
    """N vectors, of which the first ten are asked for; sentences about as many animals."""
    rng = random.Random(7)
    rows = [unit(rng) for _ in range(N)]
    exact = [sorted(range(N), key=lambda i: -math.fsum(map(float.__mul__, rows[q], rows[i])))[:K] for q in range(10)]
    few = [[i for i in sorted(range(5), key=lambda i: -math.fsum(map(float.__mul__, rows[q], rows[i])))] + [-1] * 5
           for q in range(10)]
    at = lambda name: os.path.join(folder, name)
    write(at("base"), struct.pack("<%df" % (N * DIM), *sum(rows, [])))
    write(at("queries"), struct.pack("<%df" % (10 * DIM), *sum(rows[:10], [])))
    write(at("exact"), struct.pack("<%di" % (10 * K), *sum(exact, [])))
    write(at("few"), struct.pack("<%di" % (10 * K), *sum(few, [])))
    write(at("allowed"), bytes([1] * 5 + [0] * (N - 5)))
    write(at("texts"), b"".join(b"The animal number%d sleeps.\n" % i for i in range(20)))
    write(at("questions"), b"Which is number7?\nWhere is number9 now?\n")
    write(at("gold"), b"0\t7\n1\t3\t4\n")
    return at


def speak(program, *words, lines=""):
    got = subprocess.run([os.path.join(BIN, program), *words], input=lines, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=120, check=False)
    return got.returncode, got.stdout.splitlines(), got.stderr


@case
def our_graph_answers_a_line_with_a_line():
    with tempfile.TemporaryDirectory() as folder:
        at = own_data(folder)
        lines = ["base %s %d 1" % (at("base"), N), "open",
                 "queries q %s %s" % (at("queries"), at("exact")), "run q 100 2",
                 "queries q %s %s" % (at("queries"), at("few")), "allow " + at("allowed"), "run-allowed q 50 1",
                 "scan-allowed q 1"]
        code, out, err = speak("bench_search", "vectors", lines="\n".join(lines) + "\n")
    assert code == 0 and out[0].startswith("ready ragd, vectors"), (out, err)
    assert len(out) == len(lines) + 1 and all(line.startswith("ok") for line in out[1:]), out
    assert int(out[1].split()[2]) > DIM and out[3] == "ok 10"
    recall, *turns = out[4].split()[1:]
    assert float(recall) >= 0.99 and len(turns) == 2 and all(len(t.split(":")) == 2 for t in turns), out[4]
    assert float(out[7].split()[1]) == 1 and float(out[8].split()[1]) == 1, out


@case
def our_words_answer_a_line_with_a_line():
    with tempfile.TemporaryDirectory() as folder:
        at = own_data(folder)
        lines = "texts %s 20\nquestions %s %s\nrun 2\n" % (at("texts"), at("questions"), at("gold"))
        code, out, err = speak("bench_search", "words", lines=lines)
    assert code == 0 and len(out) == 4 and out[2] == "ok 2", (out, err)
    gold, *turns = out[3].split()[1:]
    assert float(gold) == 0.5, "one question's gold is found, the other's is not there"
    assert len(turns) == 2 and all(len(t.split(":")) == 4 for t in turns), out


@case
def our_children_say_what_was_wrong_and_go_on():
    code, out, _ = speak("bench_search", "vectors", lines="run q 1 1\nbase /no/such 1 1\nallow x\nwhat\n")
    assert code == 0 and len(out) == 5 and all(line.startswith("error ") for line in out[1:]), out
    code, out, _ = speak("bench_search", "words", lines="run 1\ntexts /no/such 1\nwhat\n")
    assert code == 0 and len(out) == 4 and all(line.startswith("error ") for line in out[1:]), out
    code, _, err = speak("bench_search", "what")
    assert code == 2 and err.startswith("usage:"), err


@case
def exact_neighbours_are_exact_among_the_allowed():
    with tempfile.TemporaryDirectory() as folder:
        at = own_data(folder)
        for name, more in (("exact", []), ("few", [at("allowed"), "10"])):
            code, _, err = speak("bench_vectors", "exact", at("base"), at("queries"), at("found"), *more)
            assert code == 0, err
            with open(at("found"), "rb") as f, open(at(name), "rb") as wanted:
                assert f.read() == wanted.read(), name
        code, _, err = speak("bench_vectors", "allow", at("base"), "10", "near", at("found"))
        with open(at("found"), "rb") as f:
            flags = f.read()
    assert code == 0 and len(flags) == N and sum(flags) == N // 10 and flags[0] == 1, err


@case
def growth_is_measured_without_data_too():
    code, out, err = speak("bench_scale", "64", "128")
    assert code == 0, err
    assert "real sentences 0" in out[0] and [line.split()[0] for line in out[-2:]] == ["64", "128"], out
    assert speak("bench_scale", "63")[0] == 2


@case
def questions_are_measured_while_documents_come():
    code, out, err = speak("bench_live", "/no/such/folder", "64", "wall", "1")
    figures = dict(line.split("\t") for line in out)
    assert code == 0 and float(figures["hybrid filter p50"]) > 0, err
    assert float(figures["vector p99 ingest"]) > 0 and float(figures["ingest chunks/s"]) > 0, figures
    assert speak("bench_live", "/no/such/folder")[0] == 2


def main():
    print("1..%d" % len(CASES))
    for function in CASES:
        try:
            function()
            print("ok - " + function.__name__, flush=True)
        except Exception:
            print("not ok - " + function.__name__)
            print("".join("    " + line for line in traceback.format_exc().splitlines(True)), flush=True)


if __name__ == "__main__":
    main()
