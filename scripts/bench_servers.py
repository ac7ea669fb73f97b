"""Servers that a benchmark starts, each on a port of its own."""
import os
import socket
import subprocess
import sys
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_port(port, process, log):
    for _ in range(4800):  # of torch and its like a start takes minutes where all processors are busy
        if process.poll() is not None:
            with open(log, encoding="utf-8") as f:
                sys.exit("%s ended: %s" % (process.args[0], f.read()))
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("nobody listens on port %d" % port)


class Process:
    """A server on a port, until the with-block ends."""

    def __init__(self, folder, name, port, *words):
        self.name, self.port = name, port
        self.log = open(os.path.join(folder, name + ".log"), "wb")
        self.process = subprocess.Popen(words, stderr=self.log, stdout=self.log, cwd=folder)
        await_port(port, self.process, self.log.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()
