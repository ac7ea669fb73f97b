#!/usr/bin/env python3
"""Reuse by meaning through the real program: what is served for a question that means the same, and
what never is.

Speaks TAP. RAGD_BUILD is the build folder (build/debug when it is not set), RAGD_SHARED the folder with
data/pairs/finance.tsv (../shared); without it the test of the pairs is skipped by name.
"""
import concurrent.futures
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_server import MODEL, ROOT, Server

PAIRS = os.path.join(os.environ.get("RAGD_SHARED", os.path.join(ROOT, "../shared")), "data/pairs/finance.tsv")
STRICT = {"semantic": "strict"}
LOW, LOW_2 = "What is the minimum CET1 ratio?", "What's the lowest CET1 ratio?"
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def ratio(percent, **more):
    return dict({"id": "capital.md", "text": "The minimum CET1 ratio is %s percent of risk-weighted assets. "
                 "The Common Equity Tier 1 (CET1) ratio is reported each quarter." % percent}, **more)


def fresh(s):
    assert s.ask("DELETE", "/cache")[0] == 204


def status(reply):
    return reply["cache"]["status"]


def semantic(s):
    return s.ask("GET", "/cache")[2]["semantic"]


def checks_are_done(s):
    for _ in range(3000):
        now = semantic(s)
        if now["checked"] == now["served"]:
            return now
        time.sleep(0.01)
    raise AssertionError(now)


def read_pairs():
    if not os.path.exists(PAIRS):
        raise tap.Skip("needs ../shared/data/pairs")
    with open(PAIRS, encoding="utf-8") as f:
        return [line.rstrip("\n").split("\t") for line in f][1:]


@test
def no_opposite_is_served_and_half_of_the_paraphrases_are(s):
    served = {"opposite": [], "paraphrase": []}
    pairs = read_pairs()
    before = semantic(s)
    s.add(ratio("4.5"))
    for kind, first, second in pairs:
        fresh(s)
        s.query(first, **STRICT)
        reply = s.query(second, **STRICT)[0]
        if status(reply) == "semantic":
            assert reply["cache"]["question"] == first, reply["cache"]
            served[kind].append(second)
    print("# %d opposite and %d paraphrase pairs: %d and %d served" % (
        sum(p[0] == "opposite" for p in pairs), sum(p[0] == "paraphrase" for p in pairs),
        len(served["opposite"]), len(served["paraphrase"])))
    assert not served["opposite"], served["opposite"]
    assert len(served["paraphrase"]) >= 14
    now = checks_are_done(s)
    assert now["served"] - before["served"] == len(served["paraphrase"]), now
    assert now["refused"] > 20, now
    print("# of %d checked, %d disagreed" % (now["checked"], now["disagreed"]))


@test
def all_pairs_kept_at_once_serve_no_opposite(s):
    """Then every question has 60 others beside it."""
    pairs = read_pairs()
    fresh(s)
    s.add(ratio("4.5"))
    for _, first, _ in pairs:
        s.query(first, **STRICT)
    for kind, first, second in pairs:
        reply = s.query(second, **STRICT)[0]
        if kind == "opposite" and status(reply) == "semantic":
            assert reply["cache"]["question"] != first, reply["cache"]


@test
def it_is_off_by_default_and_a_setting(s):
    fresh(s)
    s.add(ratio("4.5"))
    s.query(LOW)
    assert status(s.query(LOW_2)[0]) == "miss"
    assert semantic(s)["questions"] == 0
    with Server(settings={"RAGD_CACHE_SEMANTIC": "strict"}) as other:
        other.add(ratio("4.5"))
        other.query(LOW)
        assert status(other.query(LOW_2, semantic="off")[0]) == "miss"
        fresh(other)
        other.query(LOW)
        reply, headers = other.query(LOW_2)
        assert status(reply) == "semantic" and reply["cache"]["question"] == LOW
        assert "detail=semantic" in headers["Cache-Status"] and "Age" in headers


@test
def a_changed_document_is_never_answered_from_what_it_was(s):
    fresh(s)
    for percent in ("4.5", "6", "7", "8"):
        s.add(ratio(percent))
        first = s.query(LOW, k=1, **STRICT)[0]
        assert percent + " percent" in first["answer"], first["answer"]
        s.add(ratio(percent + "25"))
        second = s.query(LOW_2, k=1, **STRICT)[0]
        assert percent + "25 percent" in second["answer"], second
    assert s.ask("DELETE", "/documents/capital.md")[0] in (200, 204)
    gone = s.query("Tell me the lowest CET1 ratio.", k=1, **STRICT)[0]
    assert not gone["sources"] and "25 percent" not in (gone["answer"] or ""), gone


@test
def filters_collections_and_forms_of_the_question_never_cross(s):
    fresh(s)
    s.add(ratio("4.5", metadata={"year": 2023}))
    assert s.ask("POST", "/documents", {"documents": [ratio("9")], "collection": "other"})[0] == 200
    assert status(s.query(LOW, **STRICT)[0]) == "miss"
    for members in ({"filter": {"year": 2023}}, {"collection": "other"}, {"k": 3}, {"answer": "none"},
                    {"mode": "vector"}, {"context_chars": 900}):
        reply = s.query(LOW_2, **members, **STRICT)[0]
        assert status(reply) in ("miss", "stored") and "question" not in reply["cache"], (members, reply["cache"])
    assert status(s.query("Please tell me the minimum CET1 ratio.", **STRICT)[0]) == "semantic"


@test
def what_the_documents_call_it_is_the_same_question(s):
    fresh(s)
    s.add(ratio("4.5"))
    s.query(LOW, **STRICT)
    reply = s.query("What is the minimum common equity tier 1 ratio?", **STRICT)[0]
    assert reply["cache"].get("question") == LOW, reply["cache"]


@test
def those_who_share_a_run_learn_which_question_was_answered(s):
    fresh(s)
    s.add(ratio("4.5"))
    s.query(LOW, **STRICT)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        replies = [r[0] for r in pool.map(lambda _: s.query(LOW_2, **STRICT), range(24))]
    for r in replies:
        assert status(r) in ("semantic", "joined") and r["cache"]["question"] == LOW, r["cache"]


@test
def streams_say_it_too(s):
    fresh(s)
    s.add(ratio("4.5"))
    s.query(LOW, **STRICT)
    text = s.ask("POST", "/query/stream", dict(STRICT, question=LOW_2))[2]
    done = json.loads(re.search(r"event: done\ndata: (.*)", text).group(1))
    assert status(done) == "semantic" and done["cache"]["question"] == LOW, done["cache"]


@test
def what_was_reused_is_checked_and_counted(s):
    checks_are_done(s)
    fresh(s)
    before = semantic(s)
    s.add(ratio("4.5"))
    s.query(LOW, **STRICT)
    s.query(LOW_2, **STRICT)
    s.query("What is the maximum CET1 ratio?", **STRICT)
    now = checks_are_done(s)
    assert [now[k] - before[k] for k in ("served", "refused", "checked", "disagreed")] == [1, 1, 1, 0], now
    assert s.ask("GET", "/stats")[2]["cache"]["semantic"]["served"] == now["served"]
    page = s.ask("GET", "/metrics")[2]
    for name in ("served", "refused", "checked", "disagreed"):
        assert "ragd_semantic_%s_total %d\n" % (name, now[name]) in page, name
    assert "ragd_semantic_questions 2\n" in page


def main():
    chosen = tap.chosen(TESTS)
    if not os.path.exists(os.path.join(MODEL, "model.safetensors")):
        return tap.skip_all(chosen, "needs the model (make model, or RAGD_MODEL_PATH)")
    with Server(settings={"RAGD_CACHE_SEMANTIC_CHECK": "1"}) as s:
        return tap.run(chosen, lambda fn: fn(s))


if __name__ == "__main__":
    sys.exit(main())
