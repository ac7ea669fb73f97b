#!/usr/bin/env python3
"""The encoder as other programs use it: the official openai client and plain HTTP against
/v1/embeddings, /v1/models and /embed.

Speaks TAP. RAGD_BUILD is the build folder (build/debug when it is not set). The client is the one
this Python can import, or that of build/clients (scripts/client-venv); without it the tests that
need it are skipped by name.
"""
import array
import asyncio
import base64
import json
import math
import operator
import os
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_server import MODEL, ROOT, Server, post, status_of

CLIENTS = os.path.join(ROOT, "build/clients/bin/python")
try:
    import openai
except ImportError:
    if os.path.exists(CLIENTS) and os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(ROOT, "build/clients")):
        os.execv(CLIENTS, [CLIENTS] + sys.argv)
    openai = None

os.environ["NO_PROXY"] = "127.0.0.1"
NAME = os.path.basename(MODEL)
DIM, LIMIT = 384, 256
GOLDEN_MIN = 0.99  # the smallest of int8 over these texts, single words and emoji among them, is 0.992
TESTS = []
FN = operator.itemgetter(0)


def test(fn):
    TESTS.append((fn, False))
    return fn


def with_client(fn):
    TESTS.append((fn, True))
    return fn


def client(s, kind="OpenAI"):
    return getattr(openai, kind)(base_url="http://127.0.0.1:%d/v1" % s.port, api_key="none", max_retries=0)


def embed(s, given, **members):
    return client(s).embeddings.create(model="ragd-embedding", input=given, **members)


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def as_float32(values):
    return array.array("f", values).tobytes()


def golden():
    """(text, ids, reference vector) of the texts that are not cut and not empty."""
    with open(os.path.join(ROOT, "tests/golden/texts.jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    with open(os.path.join(ROOT, "tests/golden/embeddings.bin"), "rb") as f:
        magic, n, dim, _, _ = struct.unpack("<8s4I", f.read(24))
        assert magic == b"RAGDEMB1" and n == len(rows) and dim == DIM
        vectors = list(struct.iter_unpack("<%de" % dim, f.read()))
    return [(r["text"], r["ids"], v) for r, v in zip(rows, vectors) if r["text"] and len(r["ids"]) <= LIMIT]


def refused(s, kind, status, param, word, **members):
    """The official client's exception of a request that must be refused."""
    try:
        client(s).embeddings.create(**dict({"model": NAME, "input": "x"}, **members))
    except openai.APIStatusError as e:
        assert type(e) is kind and e.status_code == status, (members, repr(e))
        assert e.param == param and word in e.message and e.body["message"], (members, e.param, e.message)
        return e
    raise AssertionError("not refused: %r" % (members,))


# ---- the official client ----

@with_client
def floats_and_base64_are_the_same_numbers(s):
    texts = ["The moon is made of cheese.", "Minimum capital", "日本語 ünïcode 🙂"]
    by_default = embed(s, texts)
    floats = embed(s, texts, encoding_format="float")
    coded = embed(s, texts, encoding_format="base64")
    for d, f, b in zip(by_default.data, floats.data, coded.data):
        assert len(f.embedding) == DIM and all(isinstance(x, float) for x in f.embedding)
        assert as_float32(f.embedding) == base64.b64decode(b.embedding, validate=True)
        assert as_float32(d.embedding) == as_float32(f.embedding)
        assert abs(sum(x * x for x in f.embedding) - 1) < 1e-5
    assert by_default.model == NAME and by_default.object == "list"


@with_client
def lists_come_back_in_order(s):
    texts = ["number %d %s" % (i, "word " * (i * 7 % 40)) for i in range(70)]
    reply = embed(s, texts)
    assert [d.index for d in reply.data] == list(range(70))
    assert all(d.object == "embedding" for d in reply.data)
    for i in (0, 1, 33, 69):
        assert cosine(embed(s, texts[i]).data[0].embedding, reply.data[i].embedding) > 0.999999, i


@with_client
def tokens_mean_their_text(s):
    chosen = golden()[5:200:13]
    texts = embed(s, [t for t, _, _ in chosen])
    framed = embed(s, [ids for _, ids, _ in chosen])
    bare = embed(s, [ids[1:-1] for _, ids, _ in chosen if len(ids) > 2])
    assert [d.embedding for d in framed.data] == [d.embedding for d in texts.data]
    with_words = [d.embedding for d, c in zip(texts.data, chosen) if len(c[1]) > 2]
    assert len(bare.data) == len(with_words)
    assert all(cosine(d.embedding, v) > 0.999999 for d, v in zip(bare.data, with_words))
    one = embed(s, chosen[0][1])
    assert len(one.data) == 1 and cosine(one.data[0].embedding, texts.data[0].embedding) > 0.999999


@with_client
def usage_is_what_the_encoder_saw(s):
    chosen = golden()[:60:3]
    wanted = sum(len(ids) for _, ids, _ in chosen)  # [CLS] and [SEP] included
    for given in ([t for t, _, _ in chosen], [ids for _, ids, _ in chosen]):
        usage = embed(s, given).usage
        assert usage.prompt_tokens == usage.total_tokens == wanted, (usage, wanted)
    assert embed(s, "hello").usage.prompt_tokens == 3


@with_client
def vectors_are_the_references(s):
    chosen = golden()[::9]
    assert len(chosen) > 50
    for i in range(0, len(chosen), 32):
        part = chosen[i:i + 32]
        for d, (text, _, wanted) in zip(embed(s, [t for t, _, _ in part]).data, part):
            assert cosine(d.embedding, wanted) >= GOLDEN_MIN, (text, cosine(d.embedding, wanted))


@with_client
def wrong_requests_are_bad_requests_that_name_their_member(s):
    bad = openai.BadRequestError
    refused(s, bad, 400, "input", "empty", input="")
    refused(s, bad, 400, "input", "empty", input=[])
    refused(s, bad, 400, "input", "'input'[1]", input=["a", ""])
    refused(s, bad, 400, "input", "'input'[1]", input=[[101, 102], []])
    refused(s, bad, 400, "input", "30521", input=[2023, 30522])
    refused(s, bad, 400, "input", "'input'[1][1] is -1", input=[[5], [5, -1]])
    refused(s, bad, 400, "input", "string", input=7)
    refused(s, bad, 400, "input", "'input'[2]", input=["a", "b", 7])
    refused(s, bad, 400, "input", "2048", input=["a"] * 2049)
    refused(s, bad, 400, "dimensions", "384", dimensions=256)
    refused(s, bad, 400, "dimensions", "384", dimensions=1024)
    refused(s, bad, 400, "encoding_format", "base64", encoding_format="int8")
    refused(s, bad, 400, "input_type", "query", extra_body={"input_type": "question"})
    assert len(embed(s, "x", dimensions=DIM).data[0].embedding) == DIM


@with_client
def what_is_over_the_models_limit_is_refused_with_its_numbers(s):
    longest = "word " * (LIMIT - 2)
    assert embed(s, longest).usage.prompt_tokens == LIMIT
    e = refused(s, openai.BadRequestError, 400, "input", "'input'[1] has 257 tokens", input=["x", longest + "word"])
    assert "256" in e.message and e.code == "context_length_exceeded", e.body
    refused(s, openai.BadRequestError, 400, "input", "257", input=[2023] * (LIMIT - 1))


@with_client
def other_models_are_not_found(s):
    e = refused(s, openai.NotFoundError, 404, "model", NAME, model="text-embedding-3-small")
    assert e.code == "model_not_found" and e.type == "invalid_request_error", e.body


@with_client
def models_are_listed_and_shown(s):
    c = client(s)
    ids = [m.id for m in c.models.list()]
    assert ids == [NAME, "ragd-extractive", "ragd"], ids
    for name in ids + ["ragd-embedding"]:
        m = c.models.retrieve(name)
        assert m.id == name and m.object == "model" and m.owned_by == "ragd" and m.created > 1.6e9, m
    try:
        c.models.retrieve("gpt-4o")
        raise AssertionError("found")
    except openai.NotFoundError as e:
        assert e.code == "model_not_found" and "gpt-4o" in e.message, e.body


@with_client
def routes_that_are_not_there_are_errors_the_client_understands(s):
    try:
        client(s).post("/images", body={}, cast_to=object)
        raise AssertionError("found")
    except openai.NotFoundError as e:
        assert e.type == "invalid_request_error" and "route" in e.message, e.body


@with_client
def the_async_client_too(s):
    async def go():
        async with client(s, "AsyncOpenAI") as c:
            texts = ["number %d" % i for i in range(12)]
            replies = await asyncio.gather(*[c.embeddings.create(model=NAME, input=t) for t in texts])
            listed = await c.embeddings.create(model=NAME, input=texts)
            models = [m.id async for m in c.models.list()]
        return [r.data[0].embedding for r in replies], [d.embedding for d in listed.data], models
    alone, together, models = asyncio.run(go())
    assert all(cosine(a, b) > 0.999999 for a, b in zip(alone, together))
    assert NAME in models


# ---- plain HTTP: /v1 ----

def openai_error(reply, status, word, code=None, param=None):
    got, headers, body = reply
    assert got == status and headers["Content-Type"] == "application/json", (got, body)
    e = body["error"]
    assert sorted(body) == ["error"] and sorted(e) == ["code", "message", "param", "type"], body
    assert word in e["message"] and e["param"] == param and (code is None or e["code"] == code), e
    return e


@test
def refusals_before_a_handler_have_openais_shape_too(s):
    openai_error(s.ask("POST", "/v1/nothing", {}), 404, "route")
    reply = s.ask("GET", "/v1/embeddings")
    openai_error(reply, 405, "POST")
    assert reply[1]["Allow"] == "POST"
    openai_error(s.ask("DELETE", "/v1/models"), 405, "GET")
    openai_error(s.ask("POST", "/v1/embeddings", raw=b"x" * 1048577), 413, "limits.body_bytes")
    openai_error(s.ask("POST", "/v1/embeddings", raw=b"input=x",
                       headers={"Content-Type": "application/x-www-form-urlencoded"}), 415, "json")
    openai_error(s.ask("POST", "/v1/embeddings", {"input": "x"}, headers={"Origin": "http://evil.example"}),
                 403, "Origin")
    for raw in (b"", b"{", b"[]", b'"x"', b'{"input":"\xff"}', b'{"input":"x","input":"y"}'):
        e = openai_error(s.ask("POST", "/v1/embeddings", raw=raw), 400, "")
        assert e["message"] and e["type"] == "invalid_request_error", (raw, e)
    openai_error(s.ask("POST", "/v1/embeddings", raw=b"[" * 100 + b"]" * 100), 413, "deeper")
    for head in (b"Transfer-Encoding: chunked\r\n", b"Content-Length: 1\r\nContent-Length: 1\r\n", b"Bad Name: 1\r\n"):
        data = s.raw(b"POST /v1/embeddings?x=1 HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
        assert status_of(data) in (400, 411) and b'{"error":{"message":' in data, data
    data = s.raw(b"POST /query HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert status_of(data) == 411 and b"application/problem+json" in data, data


@test
def a_string_is_one_embedding(s):
    status, headers, reply = s.ask("POST", "/v1/embeddings", {"input": "a b", "model": None})
    assert status == 200 and sorted(reply) == ["data", "model", "object", "usage"], reply
    assert sorted(reply["data"][0]) == ["embedding", "index", "object"] and len(reply["data"]) == 1
    assert len(reply["data"][0]["embedding"]) == DIM
    assert reply["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert "embed;dur=" in headers["Server-Timing"] and "x-ragd-ignored" not in headers


@test
def routes_have_metrics_of_their_own(s):
    s.ask("POST", "/v1/embeddings", {"input": "a"})
    s.ask("GET", "/v1/models/none")
    text = s.ask("GET", "/metrics")[2]
    for route in ('route="/v1/embeddings"', 'route="/v1/models/{id}"'):
        assert [x for x in text.splitlines() if x.startswith("ragd_http_requests_total{") and route in x], route


@test
def what_is_not_read_is_named(s):
    body = {"input": "a", "user": "me", "temperature": 1, "bad\r\nx: 1, ü": 2}
    status, headers, _ = s.ask("POST", "/v1/embeddings", body)
    assert status == 200
    assert headers["x-ragd-ignored"] == "user, temperature, bad??x:?1????", headers["x-ragd-ignored"]
    many = dict({"inputs": "a"}, **{"m%02d" % i: i for i in range(40)})
    ignored = s.ask("POST", "/embed", many)[1]["x-ragd-ignored"].split(", ")
    assert ignored == ["m%02d" % i for i in range(16)] + ["..."], ignored


@test
def tokens_in_all_have_a_bound(s):
    body = {"input": [[2023] * 254] * 1172}  # 300,032 with their frames
    openai_error(s.ask("POST", "/v1/embeddings", raw=json.dumps(body, separators=(",", ":")).encode()),
                 413, "limits.body_bytes")
    short = {"input": [[1] * 250] * 1191}
    raw = json.dumps(short, separators=(",", ":")).encode()
    assert len(raw) < 1048576
    openai_error(s.ask("POST", "/v1/embeddings", raw=raw), 400, "300000", "too_many_tokens", "input")


@test
def many_small_inputs_are_one_reply(s):
    status, _, reply = s.ask("POST", "/v1/embeddings", {"input": ["a"] * 300, "encoding_format": "base64"})
    assert status == 200 and len(reply["data"]) == 300
    assert len({d["embedding"] for d in reply["data"]}) == 1 and reply["usage"]["total_tokens"] == 900


@test
def questions_do_not_wait_for_a_long_list(s):
    s.add({"id": "frogs", "text": "Frogs eat flies."})
    done = threading.Event()
    statuses = []

    def long_list():
        body = {"input": ["word " * 60] * 192, "encoding_format": "base64"}
        statuses.append(s.ask("POST", "/v1/embeddings", body)[0])
        done.set()
    t = threading.Thread(target=long_list)
    t.start()
    for i in range(3):
        assert s.ask("POST", "/v1/embeddings", {"input": "number %d" % i})[0] == 200
        s.query("What do %d frogs eat?" % i)
    assert not done.is_set(), "the list had the workers to itself"
    t.join()
    assert statuses == [200]


@test
def a_client_that_leaves_is_not_worked_for():
    with Server() as s:
        body = json.dumps({"input": ["word " * 60] * 1000}).encode()
        with s.connect() as c:
            c.sendall(post(b"/v1/embeddings", body))
            assert s.ask("POST", "/v1/embeddings", {"input": "x"})[0] == 200
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        assert s.ask("POST", "/v1/embeddings", {"input": ["x", "y"]})[0] == 200
        s.stop(keep=True)  # in time, though most of the list was never embedded
        assert '"route":"/v1/embeddings","status":499' in s.log(), s.log()[-2000:]


@test
def a_reply_over_the_bound_is_refused_before_the_work():
    with Server({"RAGD_LIMITS_REPLY_BYTES": "65536"}) as s:
        e = openai_error(s.ask("POST", "/v1/embeddings", {"input": ["a"] * 11}), 413, "limits.reply_bytes", "limit", "input")
        assert "at most 10 inputs" in e["message"] and "base64" in e["message"], e
        assert s.ask("POST", "/v1/embeddings", {"input": ["a"] * 10})[0] == 200
        coded = {"input": ["a"] * 30, "encoding_format": "base64"}
        assert s.ask("POST", "/v1/embeddings", coded)[0] == 200
        coded["input"] *= 2
        openai_error(s.ask("POST", "/v1/embeddings", coded), 413, "at most 30 inputs", "limit", "input")
        assert s.ask("POST", "/embed", {"inputs": ["a"] * 11})[2]["error_type"] == "Validation"


@test
def prefixes_are_chosen():
    settings = {"RAGD_MODEL_QUERY_PREFIX": "query: ", "RAGD_MODEL_DOCUMENT_PREFIX": "passage: "}
    with Server(settings) as s:
        def plain(text, **members):
            return s.ask("POST", "/embed", dict(members, inputs=text))[2][0]

        def v1(**members):
            return s.ask("POST", "/v1/embeddings", members)[2]["data"][0]["embedding"]
        query, passage = plain("query: green cheese"), plain("passage: green cheese")
        assert plain("green cheese") not in (query, passage)
        assert plain("green cheese", prompt_name="query") == query
        assert plain("green cheese", prompt_name="document") == passage
        assert v1(input="green cheese") == v1(input="green cheese", input_type="document") == passage
        assert v1(input="green cheese", input_type="query") == query
        ids = [2665, 8808]
        assert v1(input=ids) == v1(input=ids, input_type="query") == plain("green cheese")


# ---- plain HTTP: text-embeddings-inference ----

def tei_error(reply, status, kind, word):
    got, _, body = reply
    assert got == status and sorted(body) == ["error", "error_type"], (got, body)
    assert body["error_type"] == kind and word in body["error"], body


@test
def embed_gives_lists_of_numbers(s):
    one = s.ask("POST", "/embed", {"inputs": "a cat"})
    assert one[0] == 200 and len(one[2]) == 1 and len(one[2][0]) == DIM
    two = s.ask("POST", "/embed", {"inputs": ["a cat", "a dog"], "normalize": True, "truncate": None,
                                   "prompt_name": None, "truncation_direction": "Right"})[2]
    assert len(two) == 2 and cosine(two[0], one[2][0]) > 0.999999
    v1 = s.ask("POST", "/v1/embeddings", {"input": "a cat"})[2]["data"][0]["embedding"]
    assert v1 == one[2][0]


@test
def embed_without_normalizing_keeps_the_direction(s):
    unit = s.ask("POST", "/embed", {"inputs": ["a cat sits"]})[2][0]
    raw = s.ask("POST", "/embed", {"inputs": ["a cat sits"], "normalize": False})[2][0]
    assert abs(sum(x * x for x in unit) - 1) < 1e-5 and abs(sum(x * x for x in raw) - 1) > 0.01
    assert cosine(unit, raw) > 0.999999


@test
def embed_refuses_or_cuts_what_is_too_long(s):
    words = ["one", "two", "three", "four", "five"] * 60
    text = " ".join(words)
    tei_error(s.ask("POST", "/embed", {"inputs": ["x", text]}), 413, "Validation", "'inputs'[1] has 302 tokens")
    right = s.ask("POST", "/embed", {"inputs": text, "truncate": True})[2]
    assert right == s.ask("POST", "/embed", {"inputs": " ".join(words[:254])})[2]
    left = s.ask("POST", "/embed", {"inputs": text, "truncate": True, "truncation_direction": "left"})[2]
    assert left == s.ask("POST", "/embed", {"inputs": " ".join(words[-254:])})[2]


@test
def embed_errors_have_their_shape(s):
    tei_error(s.ask("POST", "/embed", {"inputs": []}), 400, "Empty", "empty")
    tei_error(s.ask("POST", "/embed", {"inputs": ""}), 400, "Empty", "empty")
    tei_error(s.ask("POST", "/embed", {}), 400, "Validation", "'inputs' is required")
    tei_error(s.ask("POST", "/embed", {"inputs": "x", "truncate": 1}), 400, "Validation", "truncate")
    tei_error(s.ask("POST", "/embed", {"inputs": "x", "prompt_name": "sts"}), 400, "Validation", "prompt_name")
    tei_error(s.ask("POST", "/embed", {"inputs": "x", "dimensions": 64}), 400, "Validation", "dimensions")
    tei_error(s.ask("POST", "/embed", {"inputs": ["x"] * 2049}), 413, "Validation", "2048")
    tei_error(s.ask("GET", "/embed"), 405, "Validation", "POST")
    tei_error(s.ask("POST", "/embed", raw=b"{"), 400, "Validation", "JSON")


def run(fn, shared):
    if fn.__code__.co_argcount == 0:
        fn()
    else:
        fn(shared)


def main():
    chosen = tap.chosen(TESTS, FN)
    if not os.path.exists(os.path.join(MODEL, "model.safetensors")):
        return tap.skip_all(chosen, "needs the model (make model, or RAGD_MODEL_PATH)", FN)

    def call(t):
        if t[1] and not openai:
            raise tap.Skip("needs the openai client (scripts/client-venv)")
        run(t[0], shared)

    with Server() as shared:
        return tap.run(chosen, call, FN)


if __name__ == "__main__":
    sys.exit(main())
