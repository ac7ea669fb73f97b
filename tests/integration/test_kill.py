#!/usr/bin/env python3
"""kill -9 at random moments: nothing acknowledged is lost, nothing is half there.

A cycle changes some files of a folder and starts `ragd ingest --prune` on it; or starts a server
and lets clients add, change and delete documents over HTTP; or lets it come to rest after that, when
it merges segments and writes the snapshot's files; or backs the folder up. SIGKILL comes at a random
moment. After it `ragd check` must find nothing wrong, and a new server must hold, for every document,
exactly one version that it may hold:

    acknowledged (the reply came, or the command ended with 0)      that version
    under way when the kill came                                    that one or the one before

word for word, found by its own word and by no older version's. A backup is the one before or the
new one, whole. Then what was not acknowledged is
sent again, as a client would, and must be there once.

The encoder is a random one of a few thousand weights, so that time goes into storage and many
transactions pass between two kills.

    RAGD_KILL_CYCLES (50)   RAGD_KILL_SEED (from the clock, printed)   RAGD_BUILD (build/debug)
"""
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../quality"))
os.environ.setdefault("RAGD_BUILD", os.path.join(HERE, "../../build/debug"))
import service
import tiny_model

CYCLES = int(os.environ.get("RAGD_KILL_CYCLES") or 50)
SEED = int(os.environ.get("RAGD_KILL_SEED") or time.time_ns() % 1000000)
N_FILES, N_POSTED, N_CLIENTS = 120, 40, 3
KINDS = ("txt", "md", "html")
HALF = re.compile(r"\.(segment|manifest|bin)\.\w{6}$")
GONE = 0  # the version of a document that is not there


class Documents:
    """What each document may be: key -> the versions that would be right, 0 for none."""

    def __init__(self):
        self.may = {}
        self.lock = threading.Lock()

    def under_way(self, key, version):
        with self.lock:
            self.may[key] = self.may.get(key, {GONE}) | {version}

    def acknowledged(self, key, version):
        with self.lock:
            self.may[key] = {version}


def word(key, version):
    return "w%sv%d" % ("".join(c for c in key if c.isdigit()), version)


def text_of(key, version):
    """Some sentences that all name the version; more or fewer with each version."""
    name = key.split(".")[0]
    lines = ["%s of %s says sentence %d." % (word(key, version), name, i)
             for i in range(3 + version * 7 % 11)]
    return "\n\n".join(lines)


def file_of(key, version):
    text = text_of(key, version)
    if key.endswith(".html"):
        return "<html><body>%s</body></html>" % "".join("<p>%s</p>" % p for p in text.split("\n\n"))
    return text


def words_of(text):
    return text.split()


class Cycle:
    def __init__(self, folder, chance):
        self.data = os.path.join(folder, "data")
        self.files = os.path.join(folder, "files")
        self.chance = chance
        self.known = Documents()
        self.on_disk = {}  # file -> version
        self.version = 0
        self.ingest_s = 1.0  # how long a whole run takes, learnt
        self.backup = os.path.join(folder, "copy")
        self.enough = False  # the clients have done their part
        self.half = set()    # files that were being written at a kill
        self.n_whole = self.n_killed = self.n_replies = self.n_half = 0
        os.makedirs(self.files)

    def next_version(self):
        self.version += 1
        return self.version

    # ---- what is killed ----

    @staticmethod
    def environment():
        """A leak check that is killed half-way says so, and it is no leak; others look for those."""
        return {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}

    def change_files(self):
        """Adds, changes and removes some; what an earlier kill cut off is still under way."""
        for i in range(N_FILES):
            key = "f%03d.%s" % (i, KINDS[i % len(KINDS)])
            path = os.path.join(self.files, key)
            dice = self.chance.random()
            if dice < 0.05 and self.on_disk.get(key):
                os.remove(path)
                self.on_disk[key] = GONE
            elif dice < 0.6 or not self.on_disk.get(key) and dice < 0.9:
                self.on_disk[key] = self.next_version()
                with open(path, "w", encoding="utf-8") as f:
                    f.write(file_of(key, self.on_disk[key]))
            if key in self.on_disk:
                self.known.under_way(key, self.on_disk[key])

    def ingest(self):
        return subprocess.Popen(
            [service.RAGD, "ingest", "--data", self.data, "--chunk-chars", "120", "--prune", "--json",
             self.files], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
            env=self.environment())

    def files_are_there(self):
        for key, version in self.on_disk.items():
            self.known.acknowledged(key, version)

    def kill_an_ingest(self):
        self.change_files()
        started = time.monotonic()
        process = self.ingest()
        try:
            process.wait(self.chance.uniform(0, 1.1) * self.ingest_s)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        complaint = process.stderr.read().decode(errors="replace")
        process.stderr.close()
        if process.wait() == 0:
            self.n_whole += 1
            self.ingest_s = time.monotonic() - started
            self.files_are_there()
            return process.pid, ""
        self.n_killed += 1
        return process.pid, "" if process.returncode == -signal.SIGKILL else complaint

    def client(self, port, seed, mine):
        """Adds and deletes documents, one after the other, until the server is gone."""
        chance = random.Random(seed)
        http = service.Client(port, 10)
        try:
            while not self.enough:
                key = chance.choice(mine)
                if chance.random() < 0.15:
                    self.known.under_way(key, GONE)
                    status, _ = http.ask("DELETE", "/documents/" + key)
                    if status in (204, 200, 404):
                        self.known.acknowledged(key, GONE)
                    continue
                some = {k: self.next_version() for k in [key, *chance.sample(mine, 2)]}
                for k, v in some.items():
                    self.known.under_way(k, v)
                status, reply = http.ask("POST", "/documents", {"documents": [
                    {"id": k, "uri": k, "text": text_of(k, v)} for k, v in some.items()]})
                for d in reply["documents"] if status == 200 else []:
                    if d["status"] == "ingested":
                        self.known.acknowledged(d["id"], some[d["id"]])
                        self.n_replies += 1
        except (OSError, ValueError, service.http.client.HTTPException):
            pass  # the kill
        finally:
            http.close()

    def write_to(self, server, seconds):
        """Clients write until then; they are returned, and stop when `enough` is set or it is killed."""
        self.enough = False
        keys = ["p%03d" % (500 + i) for i in range(N_POSTED)]
        clients = [threading.Thread(target=self.client, args=(
            server.port, self.chance.random(), keys[i::N_CLIENTS])) for i in range(N_CLIENTS)]
        for c in clients:
            c.start()
        time.sleep(seconds)
        return clients

    def kill(self, server, clients):
        server.stop(signal.SIGKILL)
        for c in clients:
            c.join(30)
        self.n_killed += 1
        # A name with six more letters is a file that was being written.
        index = os.path.join(self.data, "index")
        half = {n for n in os.listdir(index) if HALF.search(n)} if os.path.isdir(index) else set()
        self.n_half += bool(half - self.half)
        self.half |= half
        return server.pid, ""

    def kill_a_server(self):
        server = service.Server(self.data, env=self.environment())
        return self.kill(server, self.write_to(server, self.chance.uniform(0.01, 0.6)))

    def kill_a_merge(self):
        """Segments are merged into files, and a snapshot of them written, a second after the last change."""
        server = service.Server(self.data, env=self.environment())
        clients = self.write_to(server, self.chance.uniform(0.1, 0.3))
        self.enough = True
        for c in clients:
            c.join(30)
        time.sleep(self.chance.uniform(0.95, 1.15))
        return self.kill(server, [])

    def kill_a_backup(self):
        process = subprocess.Popen(
            [service.RAGD, "backup", "--force", "--data", self.data, self.backup], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True, env=self.environment())
        try:
            process.wait(self.chance.uniform(0, 0.15))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        complaint = process.stderr.read().decode(errors="replace")
        process.stderr.close()
        code = process.wait()
        self.n_whole += code == 0
        self.n_killed += code != 0
        return process.pid, "" if code in (0, -signal.SIGKILL) else complaint

    def backup_is_whole(self):
        """The one that is there can be restored and is sound; what is wrong."""
        if not os.path.exists(self.backup):
            return ""
        shutil.rmtree(self.data + ".back", ignore_errors=True)
        for words in (("restore", self.backup), ("check",)):
            run = subprocess.run([service.RAGD, words[0], "--data", self.data + ".back", *words[1:]], check=False,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if run.returncode:
                return "ragd %s, exit %d: %s" % (words[0], run.returncode, run.stdout)
        return ""

    # ---- what must hold ----

    def check(self):
        run = subprocess.run([service.RAGD, "check", "--data", self.data, "--json"], check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return "" if run.returncode == 0 else "ragd check, exit %d: %s" % (run.returncode, run.stdout)

    def listed(self, http):
        keys, cursor = [], ""
        while True:
            status, page = http.ask("GET", "/documents?limit=1000" + ("&cursor=" + cursor if cursor else ""))
            if status == 404:  # killed before there was a collection
                return keys
            keys += [d["id"] for d in page["documents"]]
            cursor = page["next"]
            if not cursor:
                return keys

    def version_there(self, http, key):
        """Which version stands there whole; a text that is no version's gives -1."""
        status, d = http.ask("GET", "/documents/%s?text=true" % key)
        if status == 404:
            return GONE
        if status != 200:
            raise AssertionError("%s: %d %s" % (key, status, d))
        there = [v for v in self.known.may.get(key, {GONE})
                 if v and words_of(text_of(key, v)) == words_of(d["text"])]
        return there[0] if there and d["chunks"] > 0 else -1

    def found_by_word(self, http, key, version):
        hits = http.post("/search", question=word(key, version), mode="keyword", k=20)["hits"]
        return {h["document"] for h in hits if word(key, version) in words_of(h["text"])}

    def look(self, http):
        """Everything that is wrong."""
        wrong = []
        keys = self.listed(http)
        if len(keys) != len(set(keys)):
            wrong.append("a document is listed twice")
        for key in sorted(set(keys) - set(self.known.may)):
            wrong.append("%s was never given" % key)
        for key, may in sorted(self.known.may.items()):
            there = self.version_there(http, key)
            if there not in may or (there != GONE) != (key in keys):
                wrong.append("%s: version %d is there, %s would be right" % (key, there, sorted(may)))
            self.known.acknowledged(key, there)
        if not keys:
            return wrong
        for key in self.chance.sample(sorted(self.known.may), min(20, len(self.known.may))):
            now = max(self.known.may[key])
            if now > GONE and self.found_by_word(http, key, now) != {key}:
                wrong.append("%s: version %d is not found by its word" % (key, now))
            for old in self.chance.sample(range(1, self.version + 1), 3):
                if old != now and key in self.found_by_word(http, key, old):
                    wrong.append("%s: version %d is found, %d is there" % (key, old, now))
        return wrong

    def send_again(self):
        """The same command once more: what the kill cut off must arrive, once."""
        process = self.ingest()
        complaint = process.communicate()[1].decode(errors="replace")
        if process.returncode != 0:
            return ["ingest after the kill, exit %d: %s" % (process.returncode, complaint)]
        self.files_are_there()
        return []


def helpers_left(group):
    """Whether a process of a killed program's group still runs after two seconds."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.01)
    return True


WAYS = (("an ingest", Cycle.kill_an_ingest), ("a server that is written to", Cycle.kill_a_server),
        ("an ingest", Cycle.kill_an_ingest), ("a merge", Cycle.kill_a_merge),
        ("an ingest", Cycle.kill_an_ingest), ("a backup", Cycle.kill_a_backup),
        ("a server that is written to", Cycle.kill_a_server), ("a merge", Cycle.kill_a_merge))


def one(cycle, i):
    wrong = []
    group, complaint = WAYS[i % len(WAYS)][1](cycle)
    if complaint:
        wrong.append("ended by itself: " + complaint)
    if helpers_left(group):
        wrong.append("a helper process outlived the kill")
    broken = cycle.check() if os.path.exists(os.path.join(cycle.data, "ragd.db")) else ""
    broken = broken or (cycle.backup_is_whole() if i % len(WAYS) == 5 else "")
    if broken:
        wrong.append(broken)
    again = i % 5 == 4
    if again:
        wrong += cycle.send_again()
    with service.Server(cycle.data) as server:
        http = service.Client(server.port, 30)
        wrong += cycle.look(http)
        http.close()
    return wrong


def main():
    print("# seed %d, %s" % (SEED, os.path.relpath(service.RAGD)))
    print("1..%d" % (CYCLES + 1))
    folder = tempfile.mkdtemp(prefix="ragd-kill.")
    os.environ["RAGD_MODEL_PATH"] = tiny_model.write(os.path.join(folder, "model"))
    cycle = Cycle(folder, random.Random(SEED))
    failed = 0
    for i in range(CYCLES):
        wrong = one(cycle, i)
        failed += bool(wrong)
        print("%sok %d - kill %d, %s" % ("not " if wrong else "", i + 1, i + 1, WAYS[i % len(WAYS)][0]), flush=True)
        for w in wrong[:20]:
            print("# " + w.strip().replace("\n", "\n# "))
    enough = cycle.n_killed * 2 >= CYCLES
    print("%sok %d - most kills came in time" % ("" if enough else "not ", CYCLES + 1))
    print("# %d killed at work, %d ended before; %d documents acknowledged by the server, %d versions" % (
        cycle.n_killed, cycle.n_whole, cycle.n_replies, cycle.version))
    print("# R1 | %d kills -9 during ingest, change, deletion, merge, snapshot (%d in the middle of a file), backup; "
          "%d documents acknowledged over HTTP | %d cycles with one lost, half, twice or not as the index says" % (
              cycle.n_killed, cycle.n_half, cycle.n_replies, failed))
    if failed and os.environ.get("RAGD_KILL_KEEP"):
        print("# kept: " + folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return failed > 0 or not enough


if __name__ == "__main__":
    sys.exit(main())
