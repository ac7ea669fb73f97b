#!/usr/bin/env python3
"""Reranking as other programs use it and as questions do: the official cohere client and plain HTTP
against /rerank, /v1/rerank and /v2/rerank, and one ragd that asks another one as its reranking server.

The model is a small one of tests/golden/rerank.json, written to a folder here. Speaks TAP. RAGD_BUILD
is the build folder (build/debug when it is not set). The client is the one this Python can import, or
that of build/clients (scripts/client-venv); without it the tests that need it are skipped by name.
"""
import json
import operator
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_server import MODEL, RAGD, ROOT, Server

CLIENTS = os.path.join(ROOT, "build/clients/bin/python")
try:
    import cohere
except ImportError:
    if os.path.exists(CLIENTS) and os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(ROOT, "build/clients")):
        os.execv(CLIENTS, [CLIENTS] + sys.argv)
    cohere = None

os.environ["NO_PROXY"] = "127.0.0.1"
with open(os.path.join(ROOT, "tests/golden/rerank.json"), encoding="utf-8") as f:
    GOLDEN = json.load(f)
SMALL = GOLDEN["models"][0]
TESTS = []
FN = operator.itemgetter(0)


def test(fn):
    TESTS.append((fn, False))
    return fn


def with_client(fn):
    TESTS.append((fn, True))
    return fn


# ---- the model ----

def splitmix64(x):
    mask = (1 << 64) - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & mask
    return x ^ x >> 31


def weights(seed, i, shape, centre, scale):
    """The rule of tests/golden/make_models.py, for F32."""
    n = 1
    for d in shape:
        n *= d
    key = seed << 48 | i << 32
    return struct.pack("<%df" % n, *(centre + scale * ((splitmix64(key | k) >> 40) * 2.0 ** -23 - 1) for k in range(n)))


def write_model(m, folder):
    header, data = {}, b""
    for i, (name, dtype, shape, centre, scale) in enumerate(m["tensors"]):
        part = weights(m["seed"], i, shape, centre, scale)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + data)
    for name, text in m["files"].items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)


FOLDER = tempfile.mkdtemp(prefix="ragd-rerank.")


def settings(**more):
    return {"RAGD_RERANK_MODEL": FOLDER, "RAGD_RERANK_PRECISION": "f32", **more}


def close(a, b, off=1e-4):
    assert abs(a - b) <= off, (a, b)


# ---- the three forms ----

@test
def scores_are_those_of_the_reference(s):
    for (query, text), score, raw in zip(GOLDEN["pairs"], SMALL["scores"], SMALL["raw"]):
        if not query:
            continue
        body = {"query": query, "texts": [text], "truncate": True}
        close(s.ask("POST", "/rerank", body)[2][0]["score"], score)
        close(s.ask("POST", "/rerank", dict(body, raw_scores=True))[2][0]["score"], raw)
        reply = s.ask("POST", "/v1/rerank", {"query": query, "documents": [text]})[2]
        close(reply["results"][0]["relevance_score"], score)


@test
def lists_are_sorted_and_cut(s):
    texts = ["number %d of a list %s" % (i, "bank " * (i % 9)) for i in range(200)]
    status, headers, ranks = s.ask("POST", "/rerank", {"query": "capital of a bank", "texts": texts, "return_text": True})
    assert status == 200 and len(ranks) == 200 and {r["index"] for r in ranks} == set(range(200))
    assert all(a["score"] >= b["score"] for a, b in zip(ranks, ranks[1:]))
    assert all(r["text"] == texts[r["index"]] for r in ranks)
    assert "rerank;dur=" in headers["Server-Timing"]
    status, headers, top = s.ask("POST", "/v2/rerank", {
        "model": "ragd-rerank", "query": "capital of a bank", "documents": texts, "top_n": 3, "priority": 1})
    assert headers["x-ragd-ignored"] == "priority"
    assert [r["index"] for r in top["results"]] == [r["index"] for r in ranks[:3]]
    assert top["usage"]["total_tokens"] > 200 * 7


@test
def errors_have_their_form(s):
    status, _, reply = s.ask("POST", "/rerank", {"query": "a", "texts": []})
    assert status == 400 and reply["error_type"] == "Empty", reply
    status, _, reply = s.ask("POST", "/rerank", {"query": "a", "texts": ["bank " * 70]})
    assert status == 413 and reply["error_type"] == "Validation" and "'texts'[0]" in reply["error"], reply
    status, _, reply = s.ask("POST", "/v1/rerank", {"query": "a"})
    assert status == 400 and "documents" in reply["message"] and reply["error"]["param"] == "documents", reply
    status, _, reply = s.ask("POST", "/v2/rerank", {"query": "a", "documents": ["b"], "model": "rerank-v3.5"})
    assert status == 404 and reply["error"]["code"] == "model_not_found", reply
    status, _, reply = s.ask("GET", "/rerank")
    assert status == 405 and "error_type" in reply, reply


@test
def without_a_reranker_it_is_501_and_a_question_400():
    with Server() as s:
        status, _, reply = s.ask("POST", "/v1/rerank", {"query": "a", "documents": ["b"]})
        assert status == 501 and "rerank.model" in reply["message"], reply
        status, _, reply = s.ask("POST", "/query", {"question": "a", "rerank": "model"})
        assert status == 400 and "rerank.model" in reply["detail"], reply
        s.ask("POST", "/documents", {"documents": [{"id": "a", "uri": "", "title": "", "text": "A lake."}]})
        status, _, reply = s.ask("POST", "/query", {"question": "a lake", "rerank": "lexical"})
        assert status == 200 and reply["degraded"] == [], reply


# ---- the official client ----

def client(s, kind):
    return getattr(cohere, kind)(base_url="http://127.0.0.1:%d" % s.port, api_key="none")


@with_client
def cohere_version_2(s):
    docs = [p[1] or "-" for p in GOLDEN["pairs"][:4]]
    reply = client(s, "ClientV2").rerank(model="ragd-rerank", query=GOLDEN["pairs"][0][0], documents=docs, top_n=2)
    assert len(reply.results) == 2 and reply.results[0].relevance_score >= reply.results[1].relevance_score
    best = max(range(2), key=lambda i: SMALL["scores"][i])
    found = {r.index: r.relevance_score for r in reply.results}
    if best in found:
        close(found[best], SMALL["scores"][best])
    assert reply.meta.api_version.version == "2"


@with_client
def cohere_version_1_takes_objects_and_gives_documents_back(s):
    reply = client(s, "Client").rerank(model=os.path.basename(FOLDER), query="capital", return_documents=True,
                                       documents=[{"text": "a bank"}, {"text": "cafe"}])
    assert {r.index for r in reply.results} == {0, 1}
    assert all(r.document.text == ["a bank", "cafe"][r.index] for r in reply.results)
    assert reply.meta.api_version.version == "1"


@with_client
def coheres_client_sees_the_reason_of_a_refusal(s):
    try:
        client(s, "ClientV2").rerank(model="rerank-v3.5", query="a", documents=["b"])
    except cohere.errors.NotFoundError as e:
        assert "ragd-rerank" in e.body["message"], e.body
        return
    raise AssertionError("not refused")


# ---- questions ----

DOCS = [{"id": "%02d.txt" % i, "text": "The capital ratio of bank number %d is %d." % (i, i * 3)} for i in range(30)]
QUESTION = "What is the capital ratio of bank number 7?"


def scores_of(reply):
    return [x["scores"]["rerank"] for x in reply["sources"]]


@test
def a_question_is_reranked_cached_and_told_apart(s):
    s.add(*DOCS)
    plain = s.query(QUESTION)[0]
    assert scores_of(plain) == [None] * 5 and plain["timings"]["rerank_ms"] == 0
    first = s.query(QUESTION, rerank="model")[0]
    assert first["cache"]["status"] == "miss" and first["degraded"] == []
    scores = scores_of(first)
    assert len(scores) == 5 and scores == sorted(scores, reverse=True) and first["timings"]["rerank_ms"] > 0
    for source in first["sources"]:
        rank = s.ask("POST", "/rerank", {"query": QUESTION, "texts": [source["text"]]})[2]
        close(rank[0]["score"], source["scores"]["rerank"], 1e-5)
    assert s.query(QUESTION, rerank="model")[0]["cache"]["status"] == "hit"
    hits = s.ask("POST", "/search", {"question": QUESTION, "rerank": "model", "k": 5})[2]["hits"]
    assert [h["chunk"] for h in hits] == [x["chunk"] for x in first["sources"]]


@test
def the_command_line_reranks(s):
    out = subprocess.run([RAGD, "query", "--data", s.data, "--rerank", "model", "--json", QUESTION], check=True,
                         env=dict(os.environ, RAGD_MODEL_PATH=MODEL), stdout=subprocess.PIPE).stdout
    scores = scores_of(json.loads(out))
    assert len(scores) == 5 and scores == sorted(scores, reverse=True)


def asks_another(kind, path):
    """ragd behind ragd, until the one behind is killed."""
    with Server(settings()) as behind:
        url = "http://127.0.0.1:%d%s" % (behind.port, path)
        with Server({"RAGD_RERANK_KIND": kind, "RAGD_RERANK_URL": url, "RAGD_RERANK_MODEL": "ragd-rerank",
                     "RAGD_RERANK_TIMEOUT_MS": "1000"}) as s:
            s.add(*DOCS)
            local = behind.add(*DOCS) and behind.query(QUESTION, rerank="model")[0]
            reply = s.query(QUESTION, rerank="model")[0]
            assert [x["document"] for x in reply["sources"]] == [x["document"] for x in local["sources"]]
            for a, b in zip(scores_of(reply), scores_of(local)):
                close(a, b)
            plain = s.query(QUESTION)[0]
            behind.process.kill()
            behind.process.wait()
            behind.stop = lambda: 0
            took = []
            for i in range(8):
                start = time.monotonic()
                reply = s.query("%s %d" % (QUESTION, i), rerank="model")[0]
                took.append(time.monotonic() - start)
                assert reply["degraded"] == ["rerank"] and took[-1] < 3, reply["degraded"]
            print("# R8 | reranking server (%s) killed | 8 of 8 questions answered without it, at most %.1f s with a "
                  "limit of 1 s" % (kind, max(took)))
            again = s.query(QUESTION, rerank="model", cache="refresh")[0]
            assert [x["document"] for x in again["sources"]] == [x["document"] for x in plain["sources"]]
            metrics = s.ask("GET", "/metrics")[2]
            assert "ragd_rerank_breaker_open 1" in metrics, metrics
            shutil.rmtree(behind.data, ignore_errors=True)


@test
def a_server_in_teis_form_reranks_and_its_loss_is_no_error():
    asks_another("tei", "")


@test
def a_server_in_coheres_form_reranks_and_its_loss_is_no_error():
    asks_another("cohere", "/v2")


def run(fn, shared):
    if fn.__code__.co_argcount == 0:
        fn()
    else:
        fn(shared)


def main():
    chosen = tap.chosen(TESTS, FN)
    if not os.path.exists(os.path.join(MODEL, "model.safetensors")):
        return tap.skip_all(chosen, "needs the model (make model, or RAGD_MODEL_PATH)", FN)
    write_model(SMALL, FOLDER)

    def call(t):
        if t[1] and not cohere:
            raise tap.Skip("needs the cohere client (scripts/client-venv)")
        run(t[0], shared)

    with Server(settings()) as shared:
        code = tap.run(chosen, call, FN)
    shutil.rmtree(FOLDER, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
