#!/usr/bin/env python3
"""Where `auto` routes the questions of the data sets, why, and what that saves.

route_questions searches each question and asks the rules. Money is of list prices and of the
prompts' tokens as text/tokens.h guesses them; time is of the two models' assumed pace. Both are
options, because both change; the shares do not.

    tests/quality/routing.py [--json FILE] [--every 3] [--out-tokens 120]
                             [--fast-in 0.15 --fast-out 0.60 --best-in 2.50 --best-out 10.00]
                             [--fast-first-ms 400 --fast-rate 100 --best-first-ms 550 --best-rate 60]
"""
import collections
import json
import os
import re
import subprocess

import service
from figures import ABOVE, BELOW, Figures, options, tell

PROGRAM = "build/release/tests/quality/route_questions"
MANY = 5000  # questions of a set, of which every n-th is enough
COMPUTED = 0.9  # of finbench's computing questions to the best model
LOOKED_UP = 0.3  # of its look-ups, at most
# What a reader of finbench's questions finds in them; not the words of src/generate/routing.c.
COMPUTING = re.compile(r"ratio\b.*(defin|improve|decline|turnover)|average net profit|growth rate|"
                       r"how much has .* changed|real change|percent of|inventory turnover|"
                       r"percentage basis|growth compare|rate in .* compare|gross margin|"
                       r"operating margin profile|how much could each", re.I)

Row = collections.namedtuple("Row", "id choice points rules tokens us follow_up")


def questions():
    """Name of the set, its data folder, its questions."""
    for name in ("squad-dev", "tatqa-dev", "cfr-dev"):
        yield name, service.one_chunk_a_record(name), [
            (q["id"], q["text"]) for q in service.records(name, "queries.jsonl")]
    library, _ = service.library()
    for name, path in (("finbench", ("finbench", "questions.jsonl")),
                       ("demo-questions", ("demo-questions.jsonl",))):
        yield name, library, [(q["id"], q["question"]) for q in service.records(*path)]


def routes(name, data, asked):
    path = os.path.join(service.WORK, name + "-routing.jsonl")
    with open(path, "w", encoding="utf-8") as f:
        for key, text in asked:
            f.write(json.dumps({"id": key, "text": text}) + "\n")
    out = subprocess.run([os.path.join(service.ROOT, PROGRAM), data, path], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    for line in out.splitlines():
        f = line.split("\t")
        yield Row(f[0], f[1], int(f[2]), f[3].split(), int(f[4]), float(f[5]), f[6] == "1")


def cost(rows, o, choice=None):
    """Dollars for a thousand questions."""
    total = 0
    for r in rows:
        best = (choice or r.choice) == "best"
        total += r.tokens * (o.best_in if best else o.fast_in)
        total += o.out_tokens * (o.best_out if best else o.fast_out)
    return total / 1e6 / len(rows) * 1000


def seconds(rows, o, choice=None):
    total = 0
    for r in rows:
        best = (choice or r.choice) == "best"
        total += (o.best_first_ms if best else o.fast_first_ms) / 1e3
        total += o.out_tokens / (o.best_rate if best else o.fast_rate)
    return total / len(rows)


def share(rows):
    return sum(r.choice == "best" for r in rows) / len(rows)


def tell_set(name, rows, o):
    f = Figures("%s: %d questions" % (name, len(rows)), "tests/quality/routing.py")
    reasons = collections.Counter(rule for r in rows for rule in r.rules)
    f.add("to the best model", share(rows), "%.3f")
    f.add("dollars for 1,000 questions", cost(rows, o), "%.2f")
    f.add("  with the best model always", cost(rows, o, "best"), "%.2f")
    f.add("seconds an answer", seconds(rows, o), "%.2f")
    f.add("  with the best model always", seconds(rows, o, "best"), "%.2f")
    f.add("microseconds the choice takes, median", sorted(r.us for r in rows)[len(rows) // 2], "%.1f")
    f.add("read like a follow-up", sum(r.follow_up for r in rows) / len(rows), "%.4f")
    f.note("rules: " + (", ".join("%s %d" % c for c in reasons.most_common()) or "none held"))
    return f


def tell_finbench(rows, texts):
    f = Figures("finbench, by what is asked", "tests/quality/routing.py")
    computing = [r for r in rows if COMPUTING.search(texts[r.id])]
    others = [r for r in rows if not COMPUTING.search(texts[r.id])]
    f.add("%d that compute, to the best model" % len(computing), share(computing), "%.2f", COMPUTED,
          ABOVE)
    f.add("%d others, to the best model" % len(others), share(others), "%.2f")
    return f


def tell_tatqa(rows):
    kinds = {q["id"]: q["answer_type"] for q in service.records("tatqa-dev", "queries.jsonl")}
    f = Figures("tatqa-dev, by kind of answer", "tests/quality/routing.py")
    for kind, bar, side in (("arithmetic", COMPUTED, ABOVE), ("span", LOOKED_UP, BELOW),
                            ("multi-span", None, ABOVE), ("count", None, ABOVE)):
        some = [r for r in rows if kinds[r.id] == kind]
        f.add("%s (%d), to the best model" % (kind, len(some)), share(some), "%.2f", bar, side)
    return f


def main():
    o = options(__doc__, every=3, out_tokens=120, fast_in=0.15, fast_out=0.60, best_in=2.50,
                best_out=10.00, fast_first_ms=400, fast_rate=100, best_first_ms=550, best_rate=60)
    service.need_shared()
    subprocess.run(["make", "-s", "--no-print-directory", "V=release", PROGRAM], cwd=service.ROOT,
                   check=True, stdout=subprocess.DEVNULL)
    told = []
    for name, data, asked in questions():
        rows = list(routes(name, data, asked[::o.every if len(asked) > MANY else 1]))
        told.append(tell_set(name, rows, o))
        if name == "finbench":
            told.append(tell_finbench(rows, dict(asked)))
        if name == "tatqa-dev":
            told.append(tell_tatqa(rows))
    tell(o, *told)


if __name__ == "__main__":
    main()
