#!/usr/bin/env python3
"""How many altered sentences claims_check finds, and how many true ones it suspects.

Real sentences of squad-dev, tatqa-dev and demo/ are the answers; their own passage and four others
of the same document (or of the same set) are the sources. In a third of the altered ones a number
is another, in a third a name, in a third a negation came or went; half of the numbers and names
come from the same sources, half from elsewhere. The unaltered sentences are the others. Which is
chosen and what becomes of it follows from --seed; the sentences are halved by a hash, the rules
were made looking at the half "made" and are reported on the half "held".

Then the true sentences of paraphrases.txt, checked against the documents that they are of.

    tests/quality/claims.py [--json FILE] [--n 100] [--half held] [--seed 1] [--show 0]
"""
import collections
import glob
import hashlib
import json
import os
import random
import re
import subprocess

import service
from figures import ABOVE, Figures, options, tell

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = "build/release/tests/quality/check_claims"
KINDS = ("number", "name", "negation")
BAR = 0.8
N_SOURCES = 5

SENTENCE = re.compile(r"(?<=[a-z0-9)][.])\s+(?=[A-Z])")
NUMBER = re.compile(r"(?<![\w.,-])\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\w.,-])\d+(?:\.\d+)?(?![\w-]|[.,]\d)")
NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*|[A-Z]{2,6})(?=[ ,.;])")
HAS_NOT = re.compile(r" (?:not|never)(?= (?!only))")
TAKES_NOT = re.compile(r"\b(?:is|was|are|were|has|have|can|may|must|will|should|would|could)(?= [a-z])")
NOT_A_NAME = set("The This These That Those January February March April May June July August "
                 "September October November December".split())

Passage = collections.namedtuple("Passage", "id title text group")
Case = collections.namedtuple("Case", "id kind how sentence sources was")


def passages():
    for name in ("squad-dev", "tatqa-dev"):
        for r in service.records(name, "corpus.jsonl"):
            group = r["metadata"].get("article", name)
            yield Passage(r["id"], r["title"], r["text"], group)
    for path in sorted(glob.glob(service.shared("demo", "*", "**", "*.*"), recursive=True)):
        if path.endswith((".md", ".txt")):
            with open(path, encoding="utf-8") as f:
                paragraphs = [p for p in f.read().split("\n\n") if len(p) > 300]
            name = os.path.basename(path)
            for i, text in enumerate(paragraphs):
                yield Passage("%s#%d" % (name, i), name, text, name)


def half(key):
    return "held" if hashlib.sha256(key.encode()).digest()[0] & 1 else "made"


def sentences(text):
    for s in SENTENCE.split(" ".join(text.split("\n\n")[0].split())):
        if 8 <= len(s.split()) <= 45 and s.endswith(".") and "|" not in s:
            yield s


def names(text):
    return [m for m in NAME.finditer(text) if m.group().split()[0] not in NOT_A_NAME]


def other_number(number, rng):
    """Another of the same form: one digit is different."""
    while True:
        i = rng.choice([k for k, c in enumerate(number) if c.isdigit()])
        c = rng.choice([d for d in "123456789" if d != number[i]])
        other = number[:i] + c + number[i + 1:]
        if other != number:
            return other


def alter_number(sentence, around, elsewhere, rng, near):
    found = rng.choice(list(NUMBER.finditer(sentence)))
    was, now = found.group(), None
    if near:
        year = lambda v: bool(re.fullmatch(r"1[5-9]\d\d|20\d\d", v))
        others = [n for n in NUMBER.findall(around)
                  if n != was and year(n) == year(was) and ("." in n) == ("." in was) and n not in sentence]
        now = rng.choice(others) if others else None
    else:
        now = other_number(was, rng)
        if re.search(r"(?<![\d.,])%s(?![\d])" % re.escape(now), around):
            return None, was
    return (sentence[:found.start()] + now + sentence[found.end():], was) if now else (None, was)


def alter_name(sentence, around, elsewhere, rng, near):
    found = rng.choice(names(sentence))
    was = found.group()
    text = around if near else elsewhere
    others = [m.group() for m in names(text)
              if m.group() not in sentence and was not in m.group() and (near or m.group() not in around)]
    others = [o for o in others if o.isupper() == was.isupper()]
    if not others:
        return None, was
    return sentence[:found.start()] + rng.choice(others) + sentence[found.end():], was


def alter_negation(sentence, around, elsewhere, rng, near):
    gone = HAS_NOT.search(sentence)
    if gone:
        return sentence[:gone.start()] + sentence[gone.end():], gone.group()
    at = rng.choice(list(TAKES_NOT.finditer(sentence))).end()
    return sentence[:at] + " not" + sentence[at:], ""


ALTER = {"number": (NUMBER, alter_number), "name": (None, alter_name), "negation": (None, alter_negation)}


def may_be_altered(sentence, kind):
    if kind == "number":
        return NUMBER.search(sentence)
    if kind == "name":
        return names(sentence)
    return HAS_NOT.search(sentence) or TAKES_NOT.search(sentence)


def build(o):
    """n altered cases and as many unaltered ones."""
    rng = random.Random(o.seed)
    groups = collections.defaultdict(list)
    everything = list(passages())
    for p in everything:
        groups[p.group].append(p)
    pool = [(p, i, s) for p in everything for i, s in enumerate(sentences(p.text))
            if half("%s/%d" % (p.id, i)) == o.half]
    rng.shuffle(pool)
    cases, counts, removed = [], collections.Counter(), 0
    for p, i, s in pool:
        if len(cases) >= 2 * o.n:
            break
        kind = KINDS[(len(cases) // 2) % 3]
        if not may_be_altered(s, kind):
            continue
        # Every second negation is one that goes.
        if kind == "negation" and counts[kind] % 2 and not HAS_NOT.search(s):
            continue
        others = [x for x in groups[p.group] if x.id != p.id]
        sources = [p] + rng.sample(others, min(N_SOURCES - 1, len(others)))
        rng.shuffle(sources)
        around = "\n".join(x.title + "\n" + x.text for x in sources)
        near = kind != "negation" and counts[kind] % 2 == 0
        altered, was = ALTER[kind][1](s, around, rng.choice(everything).text, rng, near)
        if not altered:
            continue
        counts[kind] += 1
        how = ("from the sources" if near else "from elsewhere") if kind != "negation" else \
              ("gone" if HAS_NOT.search(s) else "come")
        key = "%s/%d" % (p.id, i)
        listed = [{"title": x.title, "text": x.text} for x in sources]
        cases.append(Case(key + "/" + kind, kind, how, altered, listed, was))
        cases.append(Case(key + "/true", "true", "", s, listed, ""))
    return cases


def paraphrases():
    """Of paraphrases.txt; the sources are the paragraphs of the document that they are of."""
    cases, sources, name = [], [], ""
    with open(os.path.join(HERE, "paraphrases.txt"), encoding="utf-8") as f:
        for line in (x.strip() for x in f if not x.startswith("#")):
            if not line.startswith("== "):
                cases.append(Case(name, "true", "", line, sources, ""))
                continue
            name = line[3:]
            with open(os.path.join(service.ROOT, "examples/finance", name), encoding="utf-8") as g:
                sections = re.split(r"\n(?=## )|\n\n(?=The [A-Z][a-z ]+\n\n)", g.read())
            sources = [{"title": name, "text": t} for t in sections]
    return cases


def tell_paraphrases():
    cases = paraphrases()
    found = verdicts(cases, "paraphrases.jsonl")
    f = Figures("%d true sentences in other words" % len(cases), "tests/quality/claims.py")
    f.add("marked", len(found) / len(cases), "%.3f")
    for n in sorted(found):
        f.note("%s: %s" % (found[n][0][1], cases[n].sentence))
    return f


def verdicts(cases, name="claims.jsonl"):
    path = os.path.join(service.WORK, name)
    os.makedirs(service.WORK, exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        for n, c in enumerate(cases):
            f.write(json.dumps({"id": str(n), "answer": c.sentence, "sources": c.sources}) + "\n")
    out = subprocess.run([os.path.join(service.ROOT, PROGRAM), path], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    found = collections.defaultdict(list)  # a sentence of ours may be two of the splitter's
    for line in out.splitlines():
        n, _, verdict, reason = line.split("\t")
        if verdict not in ("supported", "unchecked"):
            found[int(n)].append((verdict, reason))
    return found


def main():
    o = options(__doc__, n=100, half="held", seed=1, show=0)
    service.need_shared()
    subprocess.run(["make", "-s", "--no-print-directory", "V=release", PROGRAM], cwd=service.ROOT,
                   check=True, stdout=subprocess.DEVNULL)
    cases = build(o)
    found = verdicts(cases)
    f = Figures("%d altered sentences and as many true ones (half \"%s\", seed %d)" % (
        len(cases) // 2, o.half, o.seed), "tests/quality/claims.py")
    suspected = [n for n, c in enumerate(cases) if c.kind == "true" and found[n]]
    for kind in KINDS:
        those = [n for n, c in enumerate(cases) if c.kind == kind]
        hit = [n for n in those if found[n]]
        told = [n for n, c in enumerate(cases) if any(v == kind for v, _ in found[n])]
        right = [n for n in told if cases[n].kind == kind]
        bar = BAR if kind == "number" else None
        f.add("%s altered (%d): recall, marked for any reason" % (kind, len(those)),
              len(hit) / len(those), "%.2f", bar, ABOVE)
        f.add("  recall, marked as a %s" % kind, len(right) / len(those), "%.2f", bar, ABOVE)
        f.add("  precision of that mark (%d given)" % len(told), len(right) / max(1, len(told)),
              "%.2f", bar, ABOVE)
        for how in sorted({cases[n].how for n in those}):
            some = [n for n in those if cases[n].how == how]
            f.add("  %s (%d): recall" % (how, len(some)),
                  sum(bool(found[n]) for n in some) / len(some), "%.2f")
    altered = [n for n, c in enumerate(cases) if c.kind != "true"]
    hit = sum(bool(found[n]) for n in altered)
    f.add("all: recall", hit / len(altered), "%.2f")
    f.add("all: precision", hit / max(1, hit + len(suspected)), "%.2f")
    f.add("true sentences that are marked", len(suspected) / len(altered), "%.3f")
    tell(o, f, tell_paraphrases())
    for n in (suspected + [n for n in altered if not found[n]])[:o.show]:
        print("%s %s %s\n    %s\n    was: %s" % (cases[n].kind, cases[n].how, found[n],
                                                 cases[n].sentence, cases[n].was))


if __name__ == "__main__":
    main()
