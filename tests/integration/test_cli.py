#!/usr/bin/env python3
"""The program as a user meets it: exit codes, streams, a server that carries commands out."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RAGD = os.path.join(os.environ.get("RAGD_BUILD", os.path.join(ROOT, "build/debug")), "ragd")
MODEL = os.path.join(ROOT, "models/all-MiniLM-L6-v2")
CASES = []


def case(function):
    CASES.append(function)
    return function


class World:
    """A folder with documents, and commands run in it."""

    def __init__(self, folder):
        self.folder = folder
        self.data = os.path.join(folder, "data")
        self.server = None
        os.mkdir(os.path.join(folder, "docs"))
        self.write("docs/capital.md", "# Capital\n\nCET1 must be at least 4.5 percent of assets.\n")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, *words, data=True):
        extra = ["--data", self.data] if data else []
        return subprocess.run([RAGD, *words[:1], *extra, *words[1:]], cwd=self.folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              stdin=subprocess.DEVNULL,
                              env=dict(os.environ, RAGD_MODEL_PATH=MODEL), check=False)

    def json(self, *words, code=0):
        got = self.run(words[0], "--json", *words[1:])
        assert got.returncode == code, (got.returncode, got.stderr)
        return json.loads(got.stdout)

    def serve(self):
        self.server = subprocess.Popen([RAGD, "serve", "--data", self.data, "--listen", "127.0.0.1:0"],
                                       cwd=self.folder, stdout=subprocess.DEVNULL,
                                       stderr=open(os.path.join(self.folder, "log"), "w"),
                                       env=dict(os.environ, RAGD_MODEL_PATH=MODEL))
        for _ in range(600):
            if os.path.exists(os.path.join(self.data, "ragd.sock")):
                return
            assert self.server.poll() is None, "the server ended"
            time.sleep(0.1)
        raise AssertionError("the server did not start")

    def stop(self):
        if self.server:
            self.server.send_signal(signal.SIGTERM)
            code = self.server.wait(60)
            self.server = None
            return code
        return 0


def expect(got, code, part_out="", part_err=""):
    assert got.returncode == code, "exit %d: %s%s" % (got.returncode, got.stdout, got.stderr)
    assert part_out in got.stdout, "output lacks '%s': %s" % (part_out, got.stdout)
    assert part_err in got.stderr, "messages lack '%s': %s" % (part_err, got.stderr)


@case
def wrong_usage_is_exit_2_and_told_on_standard_error(w):
    expect(w.run("query"), 2, "", "a question is missing")
    expect(w.run("nothing", data=False), 2, "", "no command 'nothing'")
    expect(w.run("query", "--bogus", "x"), 2, "", "--bogus")
    expect(w.run("query", "-k", "many", "x"), 2, "", "-k must be a whole number")
    assert w.run("query").stdout == ""


@case
def help_and_version_are_on_standard_output(w):
    expect(w.run("--help", data=False), 0, "usage: ragd COMMAND")
    expect(w.run("--version", data=False), 0, "ragd 0.")
    expect(w.run("help", "ingest", data=False), 0, "Usage: ragd ingest [OPTION...] PATH...")
    expect(w.run("ingest", "--help", data=False), 0, "Usage: ragd ingest [OPTION...] PATH...")
    got = subprocess.run([RAGD], stdout=subprocess.PIPE, check=False)
    assert got.returncode == 2


@case
def an_empty_folder_says_what_to_do(w):
    expect(w.run("query", "x"), 1, "", "ragd ingest PATH")
    assert not os.path.exists(w.data), "asking must not make a data folder"


@case
def a_folder_goes_in_and_answers_come_out(w):
    expect(w.run("ingest", "docs"), 0, "1 document ")
    expect(w.run("query", "What must CET1 be at least?"), 0, "[1] capital.md")
    assert w.json("query", "What must CET1 be at least?")["answered"] is True


@case
def refused_documents_are_exit_3(w):
    w.write("docs/bad.json", "{broken")
    expect(w.run("ingest", "docs"), 3, "bad.json: ")


@case
def a_full_disk_under_the_output_is_a_failure(w):
    with open("/dev/full", "w", encoding="ascii") as full:
        got = subprocess.run([RAGD, "help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert got.returncode == 1 and "cannot write" in got.stderr, got


@case
def a_running_server_carries_commands_out(w):
    expect(w.run("ingest", "docs"), 0)
    w.serve()
    assert w.json("cache", "stats")["entries"] == 0
    w.json("query", "What must CET1 be at least?")
    assert w.json("query", "What must CET1 be at least?")["cache"]["status"] == "hit"
    assert w.json("cache", "stats")["hits"] == 1
    w.write("docs/capital.md", "# Capital\n\nCET1 must be at least 7.25 percent of assets.\n")
    expect(w.run("ingest", "docs"), 0, "1 document ")  # a path of the caller's folder
    assert "7.25" in w.json("query", "What must CET1 be at least?")["answer"]
    expect(w.run("query", "--mode", "best", "x"), 2, "", "hybrid, vector, keyword")
    expect(w.run("check"), 0, "all is right")
    assert w.stop() == 0


@case
def a_second_owner_is_told_the_first_ones_process(w):
    expect(w.run("ingest", "docs"), 0)
    w.serve()
    expect(w.run("serve"), 1, "", "in use by process %d" % w.server.pid)
    expect(w.run("backup", "copy"), 0)
    expect(w.run("restore", "--force", "copy"), 1, "", "in use by process %d" % w.server.pid)
    assert w.stop() == 0
    expect(w.run("restore", "copy"), 1, "", "--force")
    expect(w.run("restore", "--force", "copy"), 0, "restored")
    expect(w.run("docs", "list"), 0, "capital.md")


def run_case(function):
    folder = tempfile.mkdtemp(prefix="cli.")
    w = World(folder)
    try:
        function(w)
    finally:
        if w.server:
            w.server.kill()
            w.server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    print("1..%d" % len(CASES))
    for function in CASES:
        name = function.__name__.replace("_", " ")
        if not os.path.exists(os.path.join(MODEL, "model.safetensors")):
            print("ok - %s # SKIP needs models/all-MiniLM-L6-v2" % name, flush=True)
            continue
        try:
            run_case(function)
            print("ok - " + name, flush=True)
        except Exception:  # whatever it was, the other cases go on
            print("not ok - " + name)
            print("\n".join("# " + l for l in traceback.format_exc().splitlines()), flush=True)


if __name__ == "__main__":
    main()
