#!/usr/bin/env python3
"""ragd with a language-model server of other makers: LiteLLM's proxy, whose models are mocks.

Speaks TAP. The proxy is that of build/litellm (`make clients-litellm`); without it all is skipped by
name. Nothing leaves this machine: the proxy answers by itself.
"""
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_server import MODEL, ROOT, Server, events_of

LITELLM = os.path.join(ROOT, "build/litellm/bin/litellm")
KEY = "sk-of-the-test"
SAYS = "The moon is made of rock and dust [1]. Its craters are old [1]."
MOON = {"id": "moon", "title": "The moon", "text": "The moon is made of rock and dust. Its craters are old."}
MOCKS = {"mock-fast": SAYS, "mock-busy": "litellm.RateLimitError", "mock-broken": "litellm.InternalServerError",
         "mock-full": "litellm.ContextWindowExceededError"}
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


class Proxy:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="ragd-litellm.")
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.port = s.getsockname()[1]
        config = os.path.join(self.folder, "config.yaml")
        with open(config, "w") as f:
            json.dump({"model_list": [{"model_name": name,
                                       "litellm_params": {"model": "openai/" + name, "api_key": "none",
                                                          "mock_response": says}} for name, says in MOCKS.items()],
                       "litellm_settings": {"num_retries": 0},
                       "router_settings": {"num_retries": 0, "disable_cooldowns": True},
                       "general_settings": {"master_key": KEY}}, f)  # JSON is YAML
        self.log_path = os.path.join(self.folder, "log")
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [LITELLM, "--config", config, "--host", "127.0.0.1", "--port", str(self.port)],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=self.folder,
            env=dict(os.environ, LITELLM_LOCAL_MODEL_COST_MAP="True", HOME=self.folder, DISABLE_ADMIN_UI="True"))
        self.wait()

    def wait(self):
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                c.request("GET", "/health/liveliness")
                if c.getresponse().status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.2)
        with open(self.log_path, errors="replace") as f:
            raise AssertionError("the proxy does not start: " + f.read()[-3000:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def config_of(port):
    one = """{ name = "%s"; url = "http://127.0.0.1:%d/v1"; model = "%s"; %s timeout_ms = 30000;
               first_token_ms = 20000; price_in = 1; price_out = 2; }"""
    key = 'key_env = "RAGD_TEST_KEY";'
    models = [("fast", "mock-fast", key), ("busy", "mock-busy", key), ("broken", "mock-broken", key),
              ("full", "mock-full", key), ("keyless", "mock-fast", ""), ("nobody", "mock-nobody", key)]
    return "llm = ( %s );\n" % ",\n".join(one % (name, port, model, key) for name, model, key in models)


def stats_of(s, name):
    return {m["name"]: m for m in s.ask("GET", "/stats")[2]["models"]}[name]


@test
def it_answers_and_its_usage_is_counted(s):
    before = stats_of(s, "fast")
    reply, _ = s.query("What is the moon made of?")
    assert reply["answer"] == SAYS and reply["model"] == "fast" and reply["degraded"] == [], reply
    assert [c["source"] for c in reply["citations"]] and reply["sources"][0]["document"] == "moon", reply
    usage, after = reply["usage"], stats_of(s, "fast")
    assert usage["prompt_tokens"] > 0 and usage["completion_tokens"] > 0, usage
    assert after["prompt_tokens"] - before["prompt_tokens"] == usage["prompt_tokens"]
    assert after["completion_tokens"] - before["completion_tokens"] == usage["completion_tokens"]
    paid = (usage["prompt_tokens"] + 2 * usage["completion_tokens"]) / 1e6
    assert abs(after["cost"] - before["cost"] - paid) < 1e-8, (after, paid)
    assert s.query("What is the moon made of?")[0]["cache"]["status"] == "hit"


@test
def it_streams(s):
    events = events_of(s.ask("POST", "/query/stream", {"question": "What streams of the moon?"})[2])
    names = [e[1] for e in events]
    assert names[0] == "sources" and names[-1] == "done" and names.count("token") > 1, names
    assert "".join(e[2]["text"] for e in events if e[1] == "token") == SAYS == events[-1][2]["answer"]
    assert events[-1][2]["usage"]["completion_tokens"] > 0, events[-1]


@test
def it_stands_behind_our_completions(s):
    body = {"model": "fast", "messages": [{"role": "user", "content": "What is it behind completions?"}]}
    status, _, reply = s.ask("POST", "/v1/chat/completions", body)
    assert status == 200 and reply["choices"][0]["message"]["content"] == SAYS, reply
    assert reply["usage"]["completion_tokens"] > 0, reply
    body["messages"][0]["content"] = "And in pieces?"
    status, _, text = s.ask("POST", "/v1/chat/completions", dict(body, stream=True))
    chunks = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: {")]
    assert status == 200 and "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == SAYS, text
    assert text.rstrip().endswith("data: [DONE]")


def forced(s, model, path="/query"):
    question = "What does %s say of the moon?" % model
    if path == "/query":
        return s.ask("POST", path, {"question": question, "model": model})
    return s.ask("POST", path, {"model": model, "messages": [{"role": "user", "content": question}]})


@test
def its_rate_limit_is_one_for_who_insists(s):
    status, headers, reply = forced(s, "busy")
    assert status == 429 and int(headers["Retry-After"]) >= 0 and reply["status"] == 429, (status, reply)
    status, headers, reply = forced(s, "busy", "/v1/chat/completions")
    assert status == 429 and reply["error"]["type"] == "rate_limit_error", (status, reply)
    assert stats_of(s, "busy")["failures"]["busy"] >= 2


@test
def its_failures_are_told_by_what_they_are(s):
    for model, wanted, kind in (("broken", 503, "server"), ("full", 400, "refused"), ("nobody", 400, "refused"),
                                ("keyless", 503, "refused")):
        before = stats_of(s, model)
        status, _, reply = forced(s, model)
        after = stats_of(s, model)
        assert status == wanted and KEY not in json.dumps(reply), (model, status, reply)
        assert after["failures"][kind] > before["failures"][kind], (model, after)


@test
def where_it_fails_another_answers_or_the_passages_do(s):
    with Server(config=config_of(s.upstream.port).replace('"mock-fast"', '"mock-broken"', 1)) as own:
        own.add(MOON)
        reply, _ = own.query("Who stands in on the moon?")
        assert reply["degraded"] and reply["answer"], reply


def main():
    chosen = tap.chosen(TESTS)
    if not os.path.exists(os.path.join(MODEL, "config.json")):
        return tap.skip_all(chosen, "needs the model")
    if not os.path.exists(LITELLM):
        return tap.skip_all(chosen, "needs LiteLLM (make clients-litellm)")
    os.environ.update(NO_PROXY="127.0.0.1", RAGD_TEST_KEY=KEY)
    proxy = Proxy()
    try:
        with Server(config=config_of(proxy.port)) as shared:
            shared.upstream = proxy
            shared.add(MOON)
            return tap.run(chosen, lambda fn: fn(shared))
    finally:
        proxy.stop()


if __name__ == "__main__":
    sys.exit(main())
