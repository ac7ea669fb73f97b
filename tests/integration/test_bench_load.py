#!/usr/bin/env python3
"""What bench_load says of a server can be trusted: it hides no queueing, and names every failure.

Servers are stand-ins whose delays are known. No time is judged but against what they certainly took.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(os.environ.get("RAGD_BUILD", os.path.join(ROOT, "build/debug")), "bench/bench_load")
sys.path.insert(0, os.path.join(ROOT, "tests/support"))
import tap

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Fake:
    """Answers with answer(n, head, body): bytes, and None hangs up. A thread a connection."""

    def __init__(self, answer):
        self.answer, self.n, self.seen = answer, 0, []
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _accept(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _serve(self, c):
        with c, c.makefile("rb") as f:
            while head := read_head(f):
                body = f.read(next((int(h.split(":")[1]) for h in head if h.startswith("Content-Length")), 0))
                with self.lock:
                    self.n += 1
                    n = self.n
                    self.seen.append((head, body))
                reply = self.answer(n, head, body)
                if reply is None:
                    return
                try:
                    for part in [reply] if isinstance(reply, bytes) else reply:
                        c.sendall(part)
                except OSError:
                    return
                if b"Connection: close" in (reply if isinstance(reply, bytes) else b""):
                    return


def read_head(f):
    lines = []
    for line in f:
        if line == b"\r\n":
            break
        lines.append(line.decode().strip())
    return lines


def load(port, *words, bodies=("{}",)):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        f.write("\n".join(bodies))
        f.flush()
        out = subprocess.run([BENCH, "--questions", f.name, "--warmup", "0", "--json", *map(str, words), str(port)],
                             stdout=subprocess.PIPE, check=True, timeout=60)
    return json.loads(out.stdout)


def one(*how, **more):
    return load(*how, **more)["classes"]["all"]


class Pause:
    """Answers at once but for one second, in which nobody is answered."""

    def __init__(self):
        self.began = None

    def __call__(self, n, head, body):
        self.began = self.began or time.monotonic()
        left = self.began + 1.5 - time.monotonic()
        if 0 < left < 1:
            time.sleep(left)
        return OK


def an_open_loop_sees_a_pause_in_every_request_that_was_due_in_it():
    with Fake(Pause()) as s:
        f = one(s.port, "--rate", 200, "--seconds", 3, "--connections", 4)
    assert f["sent"] == f["replies"] == 600, f
    # A third were due in the pause, and of those half waited longer than half of it.
    assert f["ms"]["p90"] > 500 and f["ms"]["max"] > 900, f


def a_closed_loop_hides_the_same_pause():
    with Fake(Pause()) as s:
        f = one(s.port, "--seconds", 3, "--connections", 4)
    assert f["ms"]["max"] > 900, f
    assert f["ms"]["p99"] < 500, f


def a_server_slower_than_the_rate_makes_a_queue_that_grows():
    def slow(*_):
        time.sleep(.02)
        return OK
    with Fake(slow) as s:
        f = one(s.port, "--rate", 100, "--seconds", 2, "--connections", 1)
    assert f["sent"] == 200 and f["per_s"] < 51, f
    # The last one due has over a hundred before it.
    assert f["ms"]["max"] > 1900 and f["ms"]["p50"] > 900, f
    assert f["late"]["max_ms"] < f["ms"]["max"], f


def what_has_no_reply_in_time_is_counted_with_its_wait_whether_it_was_sent_or_not():
    with Fake(lambda *_: time.sleep(30)) as s:
        f = one(s.port, "--rate", 20, "--seconds", 1, "--connections", 1, "--timeout", .5)
    assert f["failed"]["unsent"] + f["failed"]["timeout"] == 20, f
    assert f["replies"] == 0 and f["ms"]["p50"] > 490, f


def every_status_has_its_count_its_delays_and_its_retry_after():
    def mixed(n, head, body):
        if n % 3 == 0:
            time.sleep(.05)
            return OK
        if n % 3 == 1:
            return b"HTTP/1.1 429 Slow down\r\nRetry-After: %d\r\nContent-Length: 0\r\n\r\n" % (n % 2 + 1)
        return b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
    with Fake(mixed) as s:
        f = one(s.port, "--seconds", 60, "--connections", 3, "--requests", 60)
    assert f["sent"] == f["replies"] == 60, f
    assert {k: v["n"] for k, v in f["status"].items()} == {"200": 20, "429": 20, "503": 20}, f
    assert f["status"]["429"]["retry_after"] == {"n": 20, "min": 1, "max": 2}, f
    assert "retry_after" not in f["status"]["503"], f
    assert f["status"]["200"]["ms"]["p50"] > 49 > f["status"]["503"]["ms"]["p50"], f
    assert abs(f["good_per_s"] * 3 - f["per_s"]) < 1e-3 * f["per_s"] + .1, f


def chunked_replies_and_those_that_end_with_the_connection_are_whole():
    chunked = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nda", b"t\r\n2\r\n\r\n\r\n", b"0\r\n\r\n")
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end"
    with Fake(lambda n, *_: closing if n % 2 else chunked) as s:
        f = one(s.port, "--seconds", 60, "--connections", 2, "--requests", 40)
    assert f["replies"] == 40 and not any(f["failed"].values()), f


def the_first_byte_of_a_body_is_told_from_its_end():
    def stream(*_):
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        yield b"1\r\na\r\n"
        time.sleep(.2)
        yield b"0\r\n\r\n"
    with Fake(stream) as s:
        f = one(s.port, "--seconds", 60, "--connections", 1, "--requests", 3)
    assert f["ms"]["p50"] - f["first_byte_ms"]["max"] > 100, f


def a_lost_connection_and_garbage_are_failures_and_the_run_goes_on():
    replies = {0: OK, 1: None, 2: b"SSH-2.0 no\r\n\r\n", 3: OK + b"more than was asked for"}
    with Fake(lambda n, *_: replies[n % 4]) as s:
        f = one(s.port, "--seconds", 60, "--connections", 1, "--requests", 40)
    assert f["sent"] == 40 and f["failed"]["closed"] == 10, f
    assert f["failed"]["broken"] == 20 and f["replies"] == 10, f


def a_refused_connection_is_tried_again_and_what_was_due_meanwhile_fails():
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    f = one(port, "--rate", 50, "--seconds", 1, "--connections", 2, "--timeout", .3)
    assert f["refused"] >= 4 and f["failed"]["unsent"] == 50 and f["sent"] == 0, f


def a_server_that_comes_late_is_found():
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    late = []

    def begin():
        time.sleep(.5)
        late.append(subprocess.Popen([sys.executable, "-c", LATE, str(port)]))
    threading.Thread(target=begin).start()
    f = one(port, "--rate", 20, "--seconds", 2, "--connections", 2, "--timeout", 20)
    late[0].kill()
    late[0].wait()
    assert f["replies"] == 40 and f["refused"] > 0 and f["ms"]["max"] > 400, f


LATE = """
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"""


def classes_have_their_own_rate_headers_path_and_figures():
    def by_key(n, head, body):
        if "Authorization: Bearer bad" in head:
            return b"HTTP/1.1 429 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
        return OK
    with Fake(by_key) as s:
        found = load(s.port, "--header", "X-All: yes", "--class",
                     "good:rate=50,connections=2,poisson,header=Authorization: Bearer good,header=X-List: a\\,b",
                     "--class", "bad:rate=200,connections=8,path=/search,header=Authorization: Bearer bad",
                     "--class", "probe:rate=10,connections=1,questions=-,path=/readyz", "--seconds", 1)["classes"]
    assert found["bad"]["sent"] == 200 and list(found["bad"]["status"]) == ["429"], found
    assert 20 < found["good"]["sent"] < 90 and list(found["good"]["status"]) == ["200"], found
    assert found["probe"]["sent"] == 10, found
    assert all("X-All: yes" in head for head, _ in s.seen)
    assert any("X-List: a,b" in head and head[0].startswith("POST /query") for head, _ in s.seen)
    assert any(head[0] == "POST /search HTTP/1.1" for head, _ in s.seen)
    assert any(head[0] == "GET /readyz HTTP/1.1" for head, _ in s.seen)


def bodies_are_asked_in_turn_from_the_first_that_was_named():
    bodies = ['{"q":%d}' % i for i in range(5)]
    with Fake(lambda *_: OK) as s:
        one(s.port, "--seconds", 60, "--connections", 1, "--requests", 4, "--first", 3, bodies=bodies)
        assert [b.decode() for _, b in s.seen] == [bodies[i] for i in (3, 4, 0, 1)], s.seen


def what_is_asked_while_warming_up_does_not_count():
    with Fake(lambda *_: OK) as s:
        f = one(s.port, "--warmup", 1, "--seconds", 1, "--rate", 100, "--connections", 4)
        assert s.n == 200 and f["sent"] == f["replies"] == 100, f


def a_wrong_option_is_named():
    for words, said in ((["--rate", "fast"], "rate"), (["--class", "a:speed=1"], "speed"), ([], "questions")):
        out = subprocess.run([BENCH, *words, "1"], stderr=subprocess.PIPE, text=True, check=False)
        assert out.returncode == 2 and said in out.stderr, out


def the_table_for_people_names_status_and_failures():
    with Fake(lambda n, *_: OK if n % 2 else None) as s, tempfile.NamedTemporaryFile("w") as f:
        f.write("{}\n")
        f.flush()
        out = subprocess.run([BENCH, "--questions", f.name, "--warmup", "0", "--requests", "10", "--connections", "1",
                              str(s.port)], stdout=subprocess.PIPE, text=True, check=True)
    assert "status 200" in out.stdout and "connection lost: 5" in out.stdout, out.stdout


TESTS = [an_open_loop_sees_a_pause_in_every_request_that_was_due_in_it,
         a_closed_loop_hides_the_same_pause,
         a_server_slower_than_the_rate_makes_a_queue_that_grows,
         what_has_no_reply_in_time_is_counted_with_its_wait_whether_it_was_sent_or_not,
         every_status_has_its_count_its_delays_and_its_retry_after,
         chunked_replies_and_those_that_end_with_the_connection_are_whole,
         the_first_byte_of_a_body_is_told_from_its_end,
         a_lost_connection_and_garbage_are_failures_and_the_run_goes_on,
         a_refused_connection_is_tried_again_and_what_was_due_meanwhile_fails,
         a_server_that_comes_late_is_found,
         classes_have_their_own_rate_headers_path_and_figures,
         bodies_are_asked_in_turn_from_the_first_that_was_named,
         what_is_asked_while_warming_up_does_not_count,
         a_wrong_option_is_named,
         the_table_for_people_names_status_and_failures]

if __name__ == "__main__":
    sys.exit(tap.run(tap.chosen(TESTS), lambda fn: fn()))
