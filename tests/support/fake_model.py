"""A language model's server for tests in Python: tests/fake_chat.py in a process of its own."""
import http.client
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAYS = "The moon is made of rock and dust [1]. Nobody has found cheese [1]."


class Fake:
    """tests/fake_chat.py, with its counts and settings."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(ROOT, "tests/fake_chat.py"), "--text", SAYS, "--until-eof"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        c.request(method, path, json.dumps(body) if body is not None else None)
        text = c.getresponse().read()
        c.close()
        return json.loads(text) if text else None

    def counts(self):
        return self.ask("GET", "/counts")

    def begin(self, **settings):
        """Counts from 0, and these settings beside the plain ones."""
        plain = {"text": SAYS, "first_token_ms": 0, "tokens_per_s": 0, "status": 200, "retry_after": "",
                 "cut_after": -1, "fail_first": 0, "garbage": False}
        plain.update(settings)
        self.ask("POST", "/set", plain)
        self.ask("POST", "/reset", {})

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
