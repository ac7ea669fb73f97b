#!/usr/bin/env python3
"""A running server is told to read its settings again, or to stop: what changes, what is said, who is answered.

Speaks TAP. RAGD_BUILD is the build folder.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_chat import Fake, config_of
from test_server import MODEL, RAGD, Server, read_all, status_of

TESTS = []
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MOON = {"id": "moon", "text": "The moon is made of rock and dust. Its craters are old."}


def test(fn):
    TESTS.append(fn)
    return fn


def lines_of(server, event):
    found = [line for line in server.log().splitlines() if '"event":"%s"' % event in line]
    return [json.loads(line) for line in found]


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def rewrite(server, text):
    with open(os.path.join(server.data, "ragd.conf"), "w", encoding="utf-8") as f:
        f.write(text)


def reload(server, text=None, event="reloaded"):
    """SIGHUP; the line that came of it."""
    before = len(lines_of(server, event))
    if text is not None:
        rewrite(server, text)
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(lines_of(server, event)) > before, "no line '%s': %s" % (event, server.log()[-2000:]))
    return lines_of(server, event)[-1]


# ---- reload ----

@test
def a_setting_takes_effect_for_the_next_request(_):
    with Server(config="limits = { body_bytes = 2000; };") as s:
        s.add(MOON)
        body = {"question": "What is the moon made of?" + " " * 3000}
        assert s.ask("POST", "/query", body)[0] == 413
        line = reload(s, "limits = { body_bytes = 8000; };\nserver = { log_questions = true; };")
        assert line["changed"] == "server.log_questions, limits.body_bytes", line
        assert line["needs_restart"] == "", line
        assert s.ask("POST", "/query", body)[0] == 200
        assert lines_of(s, "question"), "questions are logged now"


@test
def what_cannot_change_is_named_and_the_rest_is_taken(_):
    with Server(config="") as s:
        line = reload(s, 'listen = "127.0.0.1:9";\nchunk = { chars = 500; };\nstream = { grace_ms = 7; };\n'
                      'llm = ( { name = "a"; url = "http://127.0.0.1:1/v1"; model = "m"; } );')
        # the command line says where to listen, and wins as before
        assert line["needs_restart"] == "chunk.chars, llm", line
        assert line["changed"] == "stream.grace_ms", line
        assert reload(s)["changed"] == "", "it was taken already"


@test
def a_file_with_an_error_changes_nothing_and_is_named(_):
    with Server(config="limits = { body_bytes = 2000; };") as s:
        for text, place, why in (("limits = { body_bytes = 9000; };\nchunk = { chars = -1; };", ":2", "chunk.chars"),
                                 ("limits = { body_bytes = 9000; };\nx = {", ":2", "syntax"),
                                 ("limits = { body_bytes = 9000; };\n\nserver = { cors_origins = \"nobody\"; };",
                                  ":3", "origin"),
                                 ("limits = { body_bytes = 9000; };\nprompt = { file = \"/nonexistent\"; };", "",
                                  "/nonexistent"),
                                 ("limits = { body_bytes = 9000; };\nprecompute = { file = \"/nonexistent\"; };", "",
                                  "precompute.file")):
            line = reload(s, text, "not_reloaded")
            assert "ragd.conf" + place in line["error"] or not place, line
            assert why in line["error"], line
            assert s.ask("POST", "/query", {"question": "x" * 3000})[0] == 413
        assert not lines_of(s, "reloaded")


@test
def pages_may_call_after_a_reload_and_not_after_another(_):
    with Server(config="") as s:
        s.add(MOON)
        page = {"Origin": "https://a.example"}
        assert s.ask("POST", "/query", {"question": "?"}, page)[0] == 403
        reload(s, 'server = { cors_origins = "https://a.example"; };')
        status, headers, _ = s.ask("POST", "/query", {"question": "?"}, page)
        assert status == 200 and headers["Access-Control-Allow-Origin"] == "https://a.example", headers
        reload(s, "")
        assert s.ask("POST", "/query", {"question": "?"}, page)[0] == 403


@test
def a_changed_prompt_is_asked_with_and_no_kept_answer_is_of_the_old_one(fake):
    fake.begin()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "prompt")
        with open(path, "w", encoding="utf-8") as f:
            f.write("Be brief.\n=== user ===\n{context}\n{question}\n")
        config = config_of(fake.port, 'prompt = { file = "%s"; };' % path)
        with Server(config=config) as s:
            s.add(MOON)
            s.query("What is the moon made of?")
            assert s.query("What is the moon made of?")[0]["cache"]["status"] == "hit"
            with open(path, "w", encoding="utf-8") as f:
                f.write("Be kind.\n=== user ===\n{context}\n{question}\n")
            assert reload(s)["changed"] == "prompt.file"
            assert s.query("What is the moon made of?")[0]["cache"]["status"] == "miss"
            systems = [b["messages"][0]["content"] for b in fake.counts()["bodies"]]
            assert systems == ["Be brief.", "Be kind."], systems


@test
def nothing_is_refused_or_wrong_while_settings_change_again_and_again(_):
    """Under a sanitizer this is the one test where readers meet a reload."""
    with Server(config="", loops=2) as s:
        s.add(MOON)
        stop, wrong = threading.Event(), []

        def ask(k):
            i = 0
            while not stop.is_set():
                i += 1
                status, _, reply = s.ask("POST", "/query", {"question": "What is the moon made of? %d" % (i % 50 + k)})
                if status != 200 or "rock" not in reply["answer"]:
                    wrong.append((status, reply))

        threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
        for t in threads:
            t.start()
        for i in range(40):
            reload(s, "cache = { ttl_s = %d; };\nlimits = { connections = %d; };" % (100 + i % 7, 1000 + i % 5))
        stop.set()
        for t in threads:
            t.join()
        assert not wrong, wrong[:3]


# ---- telling a supervisor ----

@test
def a_supervisor_hears_ready_reloading_and_stopping(_):
    folder = tempfile.mkdtemp(prefix="ragd-notify.")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            heard.bind(os.path.join(folder, "s"))
            heard.settimeout(30)
            s = Server({"NOTIFY_SOCKET": os.path.join(folder, "s")}, config="")
            assert heard.recv(1000).decode().startswith("READY=1\nSTATUS=answers on port %d" % s.port)
            assert s.ask("GET", "/readyz")[0] == 200
            s.process.send_signal(signal.SIGHUP)
            text = heard.recv(1000).decode()
            assert re.match(r"RELOADING=1\nMONOTONIC_USEC=\d+\n", text), text
            assert heard.recv(1000).decode().startswith("READY=1")
            assert s.stop() == 0
            assert heard.recv(1000).decode().startswith("STOPPING=1")
    finally:
        shutil.rmtree(folder)


# ---- stop ----

def ready_status(server):
    return server.ask("GET", "/readyz")[0]


@test
def a_stopping_server_goes_on_accepting_until_a_balancer_has_noticed(_):
    s = Server(config="server = { ready_wait_s = 2; };")
    s.add(MOON)
    s.process.send_signal(signal.SIGTERM)
    wait_for(lambda: lines_of(s, "stopping"), "it is stopping")
    n, end = 0, time.monotonic() + 1.2
    while time.monotonic() < end:
        assert ready_status(s) == 503
        status, headers, _ = s.ask("POST", "/query", {"question": "What is the moon made of?"})
        assert status == 200 and headers["Connection"] == "close", (status, headers.items())
        n += 1
    assert n > 3
    assert s.stop() == 0


def open_stream(server, path, body):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    c.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return c, c.getresponse()


def slow(fake):
    """A model that takes longer than any server of these tests waits."""
    fake.begin(text="word " * 2000, tokens_per_s=20)


@test
def what_runs_at_the_end_of_the_drain_limit_is_told(fake):
    slow(fake)
    s = Server(config=config_of(fake.port, "server = { drain_s = 1; };"))
    s.add(MOON)
    c, r = open_stream(s, "/query/stream", {"question": "Tell me of the moon."})
    d, q = open_stream(s, "/v1/chat/completions", {"model": "fast", "stream": True, "messages": [
        {"role": "user", "content": "What is there to say of the moon?"}]})
    assert b"event: sources" in r.read(200) and b"data: " in q.read(20)
    whole = {}

    def ask():
        whole["reply"] = s.ask("POST", "/query", {"question": "And what of its craters?"}, {"traceparent": TRACE})

    t = threading.Thread(target=ask)
    t.start()
    wait_for(lambda: fake.counts()["open"] == 3, "three are asked")
    s.process.send_signal(signal.SIGTERM)
    events, chunks = r.read().decode(), q.read().decode()
    t.join()
    error = events[events.rindex("event: "):]
    assert error.startswith("event: error\ndata: ") and '"stopping"' in error, error
    last = json.loads(chunks.strip().split("\n\n")[-1].removeprefix("data: "))
    assert last["error"]["code"] == "stopping", last
    status, headers, reply = whole["reply"]
    assert status == 503 and reply["code"] == "stopping" and headers["Retry-After"], (status, reply)
    assert s.process.wait(20) == 0
    logged = [line for line in lines_of(s, "request") if line["request_id"] == headers["x-request-id"]]
    assert [(line["route"], line["status"], line["tenant"], line["trace_id"]) for line in logged] == [
        ("/query", 503, "default", TRACE.split("-")[1])], logged
    assert headers["traceresponse"].startswith(TRACE[:36]), headers
    assert not [line for line in lines_of(s, "request") if line["status"] == 499]
    s.stop()
    wait_for(lambda: fake.counts()["open"] == 0, "nobody is asked for nobody")
    c.close()
    d.close()


@test
def a_stream_that_ends_in_time_is_whole(fake):
    fake.begin(text="word " * 20, tokens_per_s=20)
    s = Server(config=config_of(fake.port))
    s.add(MOON)
    c, r = open_stream(s, "/query/stream", {"question": "Tell me of the moon."})
    r.read(50)
    s.process.send_signal(signal.SIGTERM)
    events = r.read().decode()
    assert "event: done" in events and "event: error" not in events, events[-300:]
    c.close()
    assert s.stop() == 0


@test
def a_second_signal_waits_for_nobody(fake):
    slow(fake)
    s = Server(config=config_of(fake.port))
    s.add(MOON)
    c, r = open_stream(s, "/query/stream", {"question": "Tell me of the moon."})
    r.read(50)
    s.process.send_signal(signal.SIGTERM)
    wait_for(lambda: lines_of(s, "stopping"), "it is stopping")
    assert s.process.poll() is None
    s.process.send_signal(signal.SIGINT)
    assert s.process.wait(20) == 0, "long before server.drain_s"
    assert lines_of(s, "stopping_at_once") and lines_of(s, "stopped")
    s.stop()
    c.close()


@test
def config_show_marks_what_reloads(_):
    out = subprocess.run([RAGD, "config", "show"], capture_output=True, text=True, check=True,
                         env=dict(os.environ, RAGD_MODEL_PATH=MODEL)).stdout
    marked = [line.split()[0] for line in out.splitlines() if line.endswith("[reloads]")]
    assert "drain_s" in marked and "file" in marked and "listen" not in marked, marked


def main():
    fake = Fake()
    code = tap.run(tap.chosen(TESTS), lambda fn: fn(fake))
    fake.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
