"""The page through which a test makes calls of a running ragd fail (tests/support/fail_calls.c)."""
import errno
import glob
import mmap
import os
import struct
import subprocess

KINDS = ("read", "pread", "write", "pwrite", "writev", "send", "recv", "accept", "connect", "socket", "open",
         "fsync", "mmap", "epoll", "thread", "truncate", "rename", "unlink", "spawn", "pipe", "malloc",
         "own-malloc")
SHORT = 0  # in place of an errno: half of what was asked for
ERRORS = {
    "read": (errno.EIO, errno.EINTR, errno.ECONNRESET, SHORT),
    "pread": (errno.EIO, errno.EINTR, SHORT),
    "write": (errno.ENOSPC, errno.EIO, errno.EINTR, errno.EPIPE, SHORT),
    "pwrite": (errno.ENOSPC, errno.EIO, errno.EINTR, SHORT),
    "writev": (errno.EPIPE, errno.ECONNRESET, errno.EINTR, SHORT),
    "send": (errno.EPIPE, errno.ECONNRESET, errno.EINTR, SHORT),
    "recv": (errno.ECONNRESET, errno.EINTR, SHORT),
    "accept": (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED, errno.ENOMEM, errno.EINTR),
    "connect": (errno.ECONNREFUSED, errno.ETIMEDOUT),
    "socket": (errno.EMFILE, errno.ENOBUFS),
    "open": (errno.EMFILE, errno.EACCES, errno.EIO, errno.ENOSPC),
    "fsync": (errno.EIO, errno.ENOSPC),
    "mmap": (errno.ENOMEM,),
    "epoll": (errno.ENOSPC, errno.ENOMEM),
    "thread": (errno.EAGAIN,),
    "truncate": (errno.EIO, errno.ENOSPC),
    "rename": (errno.EIO, errno.ENOSPC, errno.EACCES),
    "unlink": (errno.EIO, errno.EACCES),
    "spawn": (errno.EAGAIN, errno.ENOMEM),
    "pipe": (errno.EMFILE,),
    "malloc": (errno.ENOMEM,),
    "own-malloc": (errno.ENOMEM,),
}


def name_of(error):
    return errno.errorcode[error] if error else "short"


class Page:
    def __init__(self, path, ragd):
        with open(path, "wb") as f:
            f.write(b"\0" * 4096)
        with open(path, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), 4096)
        shim = os.path.join(os.path.dirname(ragd), "tests/fail_calls.so")
        asan = [line.split()[2] for line in subprocess.run(
            ["ldd", ragd], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines() if "libasan" in line]
        self.has_memory_kinds = not asan  # a sanitizer has an allocator of its own
        self.env = {"RAGD_FAULT_PAGE": path, "LD_PRELOAD": ":".join(asan + [shim])}

    def _put(self, at, *numbers):
        struct.pack_into("<%di" % len(numbers), self.memory, at, *numbers)

    def _get(self, at, n):
        return struct.unpack_from("<%dI" % n, self.memory, at)

    def arm(self, kind, before, error, times=1, pid=0):
        self.disarm()
        self._put(12, error, pid, 0)
        self._put(4, before)
        self._put(0, KINDS.index(kind))
        self._put(8, times)

    def disarm(self):
        self._put(8, 0)

    def failed(self):
        return self._get(20, 1)[0]

    def last(self):
        return self.memory[64:192].split(b"\0")[0].decode(errors="replace") if self.failed() else "never came"

    def calls(self):
        return dict(zip(KINDS, self._get(256, len(KINDS))))


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def threads(pid):
    return len(glob.glob("/proc/%d/task/*" % pid))
