#!/usr/bin/env python3
"""What is another's is not there: roles, tenants, collections and filters, through a real server.

Random documents of several tenants and collections, random keys for them, random requests; each reply is compared
with what the key may see by a plain reading of its filter. Speaks TAP. RAGD_BUILD is the build folder. With
RAGD_LONG=1 there are 10,000 pairs instead of 600. The seed is printed; RAGD_SEED sets it.
"""
import collections
import http.client
import json
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_server import MODEL, RAGD, Server

LONG = os.environ.get("RAGD_LONG") == "1"
N_PAIRS = 10000 if LONG else 600
SEED = int(os.environ.get("RAGD_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
TENANTS = ["default", "acme", "globex"]
COLLECTIONS = ["default", "hr", "law"]
TOPICS = ["frogs", "ants", "rivers", "banks", "stars", "trains"]
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def run(server, *words, code=0):
    p = subprocess.run([RAGD, *words, "--data", server.data], env=dict(os.environ, RAGD_MODEL_PATH=MODEL),
                       capture_output=True, text=True, check=False, timeout=120)
    assert p.returncode == code, (words, p.returncode, p.stdout, p.stderr)
    return p.stdout


def make_key(server, tenant="default", role="read", **bounds):
    words = [w for name, value in bounds.items() for w in ("--" + name, value)]
    return json.loads(run(server, "key", "add", "--tenant", tenant, "--role", role, *words, "--json"))["key"]


class Client:
    """One connection with one key."""

    def __init__(self, server, key=None):
        self.http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.headers = {"Authorization": "Bearer " + key} if key else {}

    def call(self, method, path, body=None, headers=None):
        head = {**self.headers, **(headers or {})}
        if body is not None:
            head["Content-Type"] = "application/json"
        self.http.request(method, path, None if body is None else json.dumps(body), head)
        r = self.http.getresponse()
        text = r.read().decode()
        return r.status, text, r


# ---- documents that say whose they are ----

Doc = collections.namedtuple("Doc", "tenant collection id level team mark text")


def documents(rng):
    docs = []
    for tenant in TENANTS:
        for collection in COLLECTIONS:
            for i in range(8):
                topic = rng.choice(TOPICS)
                mark = "mark%s%s%d" % (tenant, collection, i)
                docs.append(Doc(tenant, collection, "d%d" % i, rng.randrange(4), rng.choice("xyz"), mark,
                                "The secret of %s is %s. Nobody knows more about %s than this." % (topic, mark, topic)))
    return docs


def add(server, admins, docs):
    for tenant in TENANTS:
        for collection in COLLECTIONS:
            mine = [d for d in docs if (d.tenant, d.collection) == (tenant, collection)]
            status, text, _ = admins[tenant].call("POST", "/documents", {"collection": collection, "documents": [
                {"id": d.id, "text": d.text, "metadata": {"level": d.level, "team": d.team}} for d in mine]})
            assert status == 200 and text.count('"ingested"') == len(mine), text


# ---- filters with their meaning ----

def random_filter(rng, depth=0):
    """(as the command line takes it, as JSON, as a predicate over Doc)"""
    kind = rng.randrange(6 if depth < 2 else 3)
    if kind == 0:
        n = rng.randrange(4)
        return "level>=%d" % n, {"level": {"gte": n}}, lambda d: d.level >= n
    if kind == 1:
        team = rng.choice("xyz")
        return "team=%s" % team, {"team": team}, lambda d: d.team == team
    if kind == 2:
        ids = ["d%d" % i for i in rng.sample(range(8), rng.randrange(1, 5))]
        return "_document in (%s)" % ", ".join(ids), {"_document": {"in": ids}}, lambda d: d.id in ids
    a, b = random_filter(rng, depth + 1), random_filter(rng, depth + 1)
    if kind == 3:
        return "(%s) and (%s)" % (a[0], b[0]), {"and": [a[1], b[1]]}, lambda d: a[2](d) and b[2](d)
    if kind == 4:
        return "(%s) or (%s)" % (a[0], b[0]), {"or": [a[1], b[1]]}, lambda d: a[2](d) or b[2](d)
    return "not (%s)" % a[0], {"not": a[1]}, lambda d: not a[2](d)


class Key:
    def __init__(self, rng, server):
        self.tenant = rng.choice(TENANTS)
        self.collections = rng.choice([[], rng.sample(COLLECTIONS, rng.randrange(1, 3))])
        self.filter, _, self.passes = random_filter(rng) if rng.random() < 0.6 else (None, None, lambda d: True)
        bounds = {}
        if self.collections:
            bounds["collections"] = ",".join(self.collections)
        if self.filter:
            bounds["filter"] = self.filter
        self.client = Client(server, make_key(server, self.tenant, **bounds))

    def sees(self, d):
        return (d.tenant == self.tenant and (not self.collections or d.collection in self.collections)
                and self.passes(d))

    def default(self):
        return self.collections[0] if self.collections else "default"


def request(rng):
    topic = rng.choice(TOPICS)
    r = {"question": rng.choice(["What is the secret of %s?", "Who knows %s?", "%s secret"]) % topic,
         "mode": rng.choice(["hybrid", "keyword", "keyword", "vector", "summary"]), "k": rng.choice([1, 5, 100])}
    wanted, passes = None, (lambda d: True)
    if rng.random() < 0.7:
        _, wanted, passes = random_filter(rng)
        r["filter"] = wanted
    for name, choices in {"window": [1, 3], "collapse": [True], "mmr": [0.5], "explain": [True],
                          "semantic": ["strict"], "cache": ["no-store", "refresh"]}.items():
        if rng.random() < 0.2:
            r[name] = rng.choice(choices)
    return r, passes


def marks_in(text, docs):
    return {d.mark for d in docs if d.mark in text}


def check(docs, key, passes, collection, status, text):
    """The marks of a reply are those of documents that the key sees, and the filter wants."""
    allowed = not key.collections or collection in key.collections
    if not allowed:
        assert status == 403 and not marks_in(text, docs), (status, text)
        return 0
    assert status == 200, (status, text)
    mine = {d.mark for d in docs if d.collection == collection and key.sees(d) and passes(d)}
    leaked = marks_in(text, docs) - mine
    assert not leaked, (key.tenant, key.collections, key.filter, collection, leaked, text)
    return len(marks_in(text, docs))


def ask(rng, key, r, collection):
    """By one of the routes that answer."""
    route = rng.randrange(5)
    body = dict(r, collection=collection) if collection != key.default() or rng.random() < 0.5 else r
    if route == 0:
        body = {k: v for k, v in body.items() if k not in ("semantic", "cache")}
        return key.client.call("POST", "/search", body)
    if route == 1:
        return key.client.call("POST", "/query/stream", body)
    if route == 2:
        ours = {k: v for k, v in body.items() if k != "question"}
        return key.client.call("POST", "/v1/chat/completions", {
            "model": "ragd", "messages": [{"role": "user", "content": body["question"]}], "ragd": ours})
    if route == 3:
        status, text, reply = key.client.call("POST", "/query/batch", {"questions": [body, body]})
        statuses = {x["status"] for x in json.loads(text)["results"] if "status" in x}
        return (403 if 403 in statuses else status), text, reply
    return key.client.call("POST", "/query", body)


@test
def nothing_of_others_comes_back_whoever_asks_whatever(server, rng):
    docs = documents(rng)
    admins = {t: Client(server, make_key(server, t, "admin")) for t in TENANTS}
    add(server, admins, docs)
    keys = [Key(rng, server) for _ in range(40)]
    common, marks, hits = [request(rng) for _ in range(5)], 0, 0
    for _ in range(N_PAIRS):
        key, collection = rng.choice(keys), rng.choice(COLLECTIONS)
        r, passes = rng.choice(common) if rng.random() < 0.6 else request(rng)
        status, text, reply = ask(rng, key, r, collection)
        marks += check(docs, key, passes, collection, status, text)
        hits += "hit" in reply.headers.get("Cache-Status", "")
    assert marks > N_PAIRS / 4 and hits > N_PAIRS / 30, (marks, hits)
    print("# R16 | %d random pairs of key and request, %d keys of %d tenants, %d answers from the cache, seed %d "
          "| 0 leaks" % (N_PAIRS, len(keys), len(TENANTS), hits, SEED), flush=True)


@test
def documents_and_collections_are_listed_as_far_as_the_key_reaches(server, rng):
    docs = documents(rng)
    admins = {t: Client(server, make_key(server, t, "admin")) for t in TENANTS}
    add(server, admins, docs)
    for _ in range(60 if LONG else 25):
        key = Key(rng, server)
        for collection in COLLECTIONS:
            allowed = not key.collections or collection in key.collections
            mine = sorted(d.id for d in docs if d.collection == collection and key.sees(d))
            status, text, _ = key.client.call("GET", "/documents?limit=3&collection=" + collection)
            assert status == (200 if allowed else 403), text
            listed = []
            while allowed:
                page = json.loads(text)
                listed += [d["id"] for d in page["documents"]]
                if page["next"] is None:
                    break
                _, text, _ = key.client.call("GET", "/documents?limit=3&collection=%s&cursor=%s" %
                                             (collection, page["next"]))
            assert listed == (mine if allowed else []), (key.filter, listed, mine)
            for d in docs:
                if (d.tenant, d.collection) == (key.tenant, collection):
                    status, text, _ = key.client.call("GET", "/documents/%s?text=1&collection=%s" % (d.id, collection))
                    assert status == (403 if not allowed else 200 if d.id in mine else 404), (status, text)
                    assert status == 200 or d.mark not in text, text
        _, text, _ = key.client.call("GET", "/collections")
        assert {c["name"] for c in json.loads(text)["collections"]} == set(key.collections or COLLECTIONS)


# Every route with the least role that may, and something to send.
ROUTES = [
    ("GET", "/healthz", None, "anyone"), ("GET", "/readyz", None, "anyone"), ("GET", "/openapi.json", None, "anyone"),
    ("GET", "/version", None, "read"), ("POST", "/query", {"question": "x"}, "read"),
    ("POST", "/query/stream", {"question": "x"}, "read"), ("POST", "/query/batch", {"questions": ["x"]}, "read"),
    ("POST", "/search", {"question": "x"}, "read"),
    ("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}, "read"),
    ("POST", "/v1/embeddings", {"input": "x"}, "read"), ("GET", "/v1/models", None, "read"),
    ("GET", "/v1/models/ragd", None, "read"), ("POST", "/embed", {"inputs": "x"}, "read"),
    ("POST", "/rerank", {"query": "x", "texts": ["y"]}, "read"), ("POST", "/v1/rerank", {"query": "x"}, "read"),
    ("POST", "/v2/rerank", {"query": "x"}, "read"), ("GET", "/documents", None, "read"),
    ("GET", "/documents/none", None, "read"), ("GET", "/collections", None, "read"),
    ("POST", "/documents", {"documents": []}, "write"), ("DELETE", "/documents/none", None, "write"),
    ("GET", "/jobs", None, "write"), ("GET", "/jobs/none", None, "write"), ("DELETE", "/jobs/none", None, "write"),
    ("PUT", "/collections/new", {}, "admin"), ("DELETE", "/collections/new", None, "admin"),
    ("GET", "/metrics", None, "admin"), ("GET", "/stats", None, "admin"), ("GET", "/cache", None, "admin"),
    ("DELETE", "/cache", None, "admin"), ("POST", "/-/command", {}, "nobody"),
]
ORDER = ["anyone", "read", "write", "admin", "nobody"]


@test
def every_route_is_open_to_the_roles_that_may_and_to_no_other(server, rng):
    keys = {role: make_key(server, "default", role) for role in ("read", "write", "admin")}
    known = json.loads(Client(server).call("GET", "/openapi.json")[1])["paths"]
    there = {(method, path.split("{")[0].rstrip("/")) for method, path, _, _ in ROUTES}
    for path, methods in known.items():
        for method in methods:
            if method in ("get", "post", "put", "delete"):
                want = (method.upper(), path.split("{")[0].rstrip("/"))
                assert any(want[0] == m and p.startswith(want[1]) for m, p in there), ("no role is claimed here", want)
    for method, path, body, least in ROUTES:
        for role in ("anyone", "read", "write", "admin"):
            status, text, _ = Client(server, keys.get(role)).call(method, path, body)
            if least == "nobody":
                assert status == 404, (method, path, role, status, text)
            elif ORDER.index(role) >= ORDER.index(least):
                assert status not in (401, 403), (method, path, role, status, text)
            else:
                assert status == (401 if role == "anyone" else 403), (method, path, role, status, text)
    print("# R16 | %d routes, 4 roles | 0 open to a role that may not" % len(ROUTES), flush=True)


@test
def a_stream_is_not_continued_by_another_tenant(server, rng):
    body = {"question": "What is the secret of frogs?", "answer": "extractive"}
    mine, other = (Client(server, make_key(server, t, "admin")) for t in ("acme", "globex"))
    for c, mark in ((mine, "markmine"), (other, "markother")):
        c.call("POST", "/documents", {"documents": [{"id": "s", "text": "The secret of frogs is %s." % mark}]})
    _, text, _ = mine.call("POST", "/query/stream", body)
    event = next(line[4:] for line in text.splitlines() if line.startswith("id: "))
    assert "markmine" in text
    status, text, _ = other.call("POST", "/query/stream", body, {"Last-Event-ID": event})
    assert status == 200 and "event: reset" in text and "markmine" not in text and "markother" in text, text
    _, text, _ = mine.call("POST", "/query/stream", body, {"Last-Event-ID": event})
    assert "event: reset" not in text, text


@test
def a_key_that_is_revoked_or_expired_opens_nothing_from_then_on(server, rng):
    made = json.loads(run(server, "key", "add", "--json"))
    c = Client(server, made["key"])
    assert c.call("GET", "/version")[0] == 200
    run(server, "key", "revoke", str(made["id"]))
    status, text, reply = c.call("GET", "/version")
    assert status == 401 and "invalid_token" in reply.headers["WWW-Authenticate"], text
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
    assert Client(server, make_key(server, expires=soon)).call("GET", "/version")[0] == 401


@test
def keys_are_nowhere_in_the_log_the_database_or_a_reply(server, rng):
    key = make_key(server, "default", "admin")
    c = Client(server, key)
    replies = [c.call("GET", path)[1] for path in ("/stats", "/metrics", "/cache", "/version", "/openapi.json")]
    replies.append(Client(server, key[:-1] + ("a" if key[-1] != "a" else "b")).call("GET", "/stats")[1])
    assert not any(key[5:30] in text for text in replies)
    assert key[5:30] not in server.log()
    for name in os.listdir(server.data):
        path = os.path.join(server.data, name)
        if os.path.isfile(path) and name != "log":
            with open(path, "rb") as f:
                assert key[5:30].encode() not in f.read(), name


def main():
    tests = tap.chosen(TESTS)
    if not os.path.isdir(MODEL):
        return tap.skip_all(tests, "needs the model")
    print("# seed %d" % SEED, flush=True)

    def one(fn):
        server = Server()
        make_key(server)  # from here on everybody needs one
        try:
            fn(server, random.Random(SEED))
        finally:
            server.stop()

    return tap.run(tests, one)


if __name__ == "__main__":
    sys.exit(main())
