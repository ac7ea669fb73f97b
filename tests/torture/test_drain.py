#!/usr/bin/env python3
"""R12: a server that stops under load answers what it has accepted, and a balancer loses nothing while all restart.

    stopping      SIGTERM at a random moment, while clients ask over fresh and kept connections, some for streams:
                  every request on a connection that was accepted has its whole reply, the exit code is 0
    restarting    three servers, each on its own copy of one backup, behind haproxy (asks /readyz) and behind nginx
                  (asks nobody), restarted one after the other: no request fails

20 stops and a restart of each; with RAGD_LONG=1, 100 and ten. Speaks TAP. RAGD_BUILD is the build folder, RAGD_SEED
the seed, which is printed.
"""
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_server import MODEL, RAGD, Server

LONG = os.environ.get("RAGD_LONG") == "1"
N_STOPS, N_RESTARTS = (100, 10) if LONG else (20, 1)
SEED = int(os.environ.get("RAGD_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
N_CLIENTS, N_REPLICAS = 6, 3
READY_WAIT_S = 1
TOPICS = ["frogs", "ants", "rivers", "banks", "stars", "trains", "moons", "kings"]
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def text_of(topic):
    return "The secret of %s is %s-mark. Nobody knows more about %s than this." % (topic, topic, topic)


class Client(threading.Thread):
    """Asks until it is told to stop, or nobody listens any more."""

    def __init__(self, port, i, may_refuse):
        super().__init__()
        self.port, self.chance, self.may_refuse = port, random.Random(SEED + i), may_refuse
        self.ended = threading.Event()
        self.kept = None
        self.n_whole = self.n_not_taken = 0
        self.wrong = []

    def request(self, connection):
        topic = self.chance.choice(TOPICS)
        stream = self.chance.random() < 0.3
        cold = " (%d)" % self.chance.randrange(1 << 30) if self.chance.random() < 0.3 else ""
        connection.request("POST", "/query/stream" if stream else "/query",
                           json.dumps({"question": "What is the secret of %s?%s" % (topic, cold)}),
                           {"Content-Type": "application/json"})
        r = connection.getresponse()
        text = r.read().decode()
        if r.status != 200 or topic + "-mark" not in text or stream and "event: done" not in text:
            self.wrong.append((r.status, text[-300:]))
        self.n_whole += 1
        return r.headers.get("Connection", "") != "close"

    def ask_anew(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            c.connect()
        except ConnectionRefusedError:
            if self.may_refuse:
                return False
            raise
        if self.request(c) and self.chance.random() < 0.5:
            self.kept = c
        else:
            c.close()
        return True

    def ask_again(self):
        """A kept connection may end between two requests; then nobody has taken the second, as HTTP has it."""
        c, self.kept = self.kept, None
        try:
            if self.request(c) and self.chance.random() < 0.8:
                self.kept = c
                return
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.n_not_taken += 1
        c.close()

    def run(self):
        try:
            while not self.ended.is_set():
                if self.kept:
                    self.ask_again()
                elif not self.ask_anew():
                    break
        except Exception as e:  # accepted, and no whole reply
            self.wrong.append(repr(e))
        if self.kept:
            self.kept.close()


class Load:
    def __init__(self, port, first, may_refuse):
        self.clients = [Client(port, first + i, may_refuse) for i in range(N_CLIENTS)]
        for c in self.clients:
            c.start()

    def end(self):
        """Of all: whole replies, requests that nobody took, what was wrong."""
        for c in self.clients:
            c.ended.set()
        for c in self.clients:
            c.join()
        return (sum(c.n_whole for c in self.clients), sum(c.n_not_taken for c in self.clients),
                [w for c in self.clients for w in c.wrong])


def make_backup(folder):
    """One data folder with all topics, as a backup."""
    data = os.path.join(folder, "data")
    os.mkdir(data)
    with Server(data=data) as s:
        s.add(*({"id": t, "text": text_of(t)} for t in TOPICS))
        backup = os.path.join(folder, "backup.db")
        r = subprocess.run([RAGD, "backup", "--data", data, backup], capture_output=True, text=True, check=False,
                           env=dict(os.environ, RAGD_MODEL_PATH=MODEL))
        assert r.returncode == 0, r.stderr
    return backup


def restore(backup, data):
    r = subprocess.run([RAGD, "restore", "--data", data, backup], capture_output=True, text=True, check=False,
                       env=dict(os.environ, RAGD_MODEL_PATH=MODEL))
    assert r.returncode == 0, r.stderr


@test
def everything_that_was_accepted_is_answered(backup, folder):
    data = os.path.join(folder, "stopping")
    restore(backup, data)
    chance = random.Random(SEED)
    whole = not_taken = 0
    for i in range(N_STOPS):
        s = Server(data=data)
        load = Load(s.port, 1000 * i, True)
        time.sleep(chance.uniform(0.05, 0.6))
        code = s.stop(keep=True)
        n, untaken, wrong = load.end()
        assert code == 0, (i, code, s.log()[-2000:])
        assert not wrong, (i, wrong[:3])
        assert n > 0, "nobody was answered"
        whole, not_taken = whole + n, not_taken + untaken
    print("# R12 | SIGTERM under load %d times, %d clients, streams too: %d whole replies (%d requests on kept "
          "connections came too late to be taken) | 0 accepted and not answered, exit 0 each time" %
          (N_STOPS, N_CLIENTS, whole, not_taken))


# ---- behind a balancer ----

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Replica(Server):
    """On a port that stays."""

    def __init__(self, data):
        self.data, self.fixed = data, free_port()
        self.begin()

    def begin(self):
        self.log_path = os.path.join(self.data, "log")
        self.log_file = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [RAGD, "serve", "--data", self.data, "--listen", "127.0.0.1:%d" % self.fixed], stdin=subprocess.DEVNULL,
            stdout=self.log_file, stderr=self.log_file,
            env=dict(os.environ, RAGD_MODEL_PATH=MODEL, RAGD_SERVER_READY_WAIT_S=str(READY_WAIT_S)))
        self.port = self.wait_for_port()

    def wait_until_ready(self):
        while self.ask("GET", "/readyz")[0] != 200:
            time.sleep(0.02)


HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option redispatch
    retries 3
frontend all
    bind 127.0.0.1:%(port)d
    default_backend ragd
backend ragd
    option httpchk
    http-check send meth GET uri /readyz hdr Host localhost
    http-check expect status 200
    default-server check inter 100ms fall 1 rise 1
%(servers)s
"""
NGINX = """
daemon off; worker_processes 1; pid %(folder)s/nginx.pid; error_log %(folder)s/error.log;
events { }
http {
    access_log off; client_body_temp_path %(folder)s/a; proxy_temp_path %(folder)s/b; fastcgi_temp_path %(folder)s/c;
    uwsgi_temp_path %(folder)s/d; scgi_temp_path %(folder)s/e;
    upstream ragd { %(servers)s }
    server {
        listen 127.0.0.1:%(port)d;
        location / { proxy_pass http://ragd; proxy_set_header Host localhost; proxy_buffering off; }
    }
}
"""


class Balancer:
    def __init__(self, program, folder, ports):
        self.port = free_port()
        path = os.path.join(folder, program + ".conf")
        haproxy = program == "haproxy"
        line = "    server s%d 127.0.0.1:%d\n" if haproxy else "server 127.0.0.1:%d max_fails=1 fail_timeout=1s;"
        servers = "".join(line % ((i, p) if haproxy else p) for i, p in enumerate(ports))
        with open(path, "w", encoding="utf-8") as f:
            f.write((HAPROXY if haproxy else NGINX) % {"port": self.port, "servers": servers, "folder": folder})
        self.process = subprocess.Popen([program, *(["-f", path] if haproxy else ["-c", path])],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait()

    def wait(self):
        for _ in range(500):
            assert self.process.poll() is None, "the balancer has ended"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise AssertionError("the balancer does not listen")

    def end(self):
        self.process.terminate()
        self.process.wait(30)


def restart_in_turn(replicas):
    for r in replicas:
        assert r.stop(keep=True) == 0, r.log()[-2000:]
        r.begin()
        r.wait_until_ready()
        time.sleep(0.5)  # until the balancer has asked


def restart_behind(program, backup, folder):
    if not shutil.which(program):
        raise tap.Skip("needs " + program)
    replicas = []
    balancer = None
    try:
        for i in range(N_REPLICAS):
            data = os.path.join(folder, "%s-%d" % (program, i))
            restore(backup, data)
            replicas.append(Replica(data))
            replicas[-1].wait_until_ready()
        balancer = Balancer(program, folder, [r.port for r in replicas])
        load = Load(balancer.port, 10 ** 6, False)
        time.sleep(0.5)
        for _ in range(N_RESTARTS):
            restart_in_turn(replicas)
        n, untaken, wrong = load.end()
    finally:
        if balancer:
            balancer.end()
        for r in replicas:
            r.stop(keep=True)
    assert not wrong and not untaken, (len(wrong), untaken, wrong[:3])
    assert n > 0
    print("# R12 | %d servers behind %s restarted in turn %d times under load: %d requests | 0 failed" %
          (N_REPLICAS, program, N_RESTARTS, n))


@test
def no_request_fails_behind_haproxy_while_all_restart(backup, folder):
    restart_behind("haproxy", backup, folder)


@test
def no_request_fails_behind_nginx_while_all_restart(backup, folder):
    restart_behind("nginx", backup, folder)


def main():
    print("# seed %d" % SEED)
    tests = tap.chosen(TESTS)
    folder = tempfile.mkdtemp(prefix="ragd-drain.")
    os.chmod(folder, 0o755)
    try:
        backup = make_backup(folder)
        return tap.run(tests, lambda fn: fn(backup, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
