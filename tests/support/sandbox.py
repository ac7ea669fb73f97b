#!/usr/bin/env python3
"""Runs a program in what a systemd unit asks for, as far as that can be had without systemd.

    unshare --mount sandbox.py UNIT DATA PROGRAM [WORD...]

As root: the tree is read-only but for DATA, which is at /mnt then; /tmp, /home and /root are empty, /proc has
processes alone; no capabilities, another user, NoNewPrivileges, MemoryDenyWriteExecute by prctl, and the unit's
SystemCallFilter and RestrictAddressFamilies by libseccomp. What the unit does not ask for is not done. Exit 77:
something of this cannot be had here.
"""
import ctypes
import ctypes.util
import errno
import os
import resource
import socket
import subprocess
import sys

NOBODY = 65534
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_SET_MDWE = 38, 24, 65
ALLOW, DENY = 0x7FFF0000, 0x00050000 | errno.EPERM
FAMILIES = {name: int(getattr(socket, name)) for name in dir(socket) if name.startswith("AF_")}


class Unit(dict):
    """Every setting with all its values, in order."""

    def __init__(self, path):
        super().__init__()
        with open(path, encoding="utf-8") as f:
            for line in f:
                name, sep, value = line.strip().partition("=")
                if sep and not name.startswith("#"):
                    self.setdefault(name, []).append(value)

    def says(self, name, value):
        return self.get(name, [""])[-1] == value


def members(name):
    """The system calls of a set like @system-service."""
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in text.splitlines()[1:]]
    return set().union(*(members(line) for line in lines if line and not line.startswith("#")))


def allowed_calls(unit):
    allowed = set()
    for value in unit.get("SystemCallFilter", []):
        names = set().union(*(members(n) for n in value.removeprefix("~").split()))
        allowed = allowed - names if value.startswith("~") else allowed | names
    return allowed


class Argument(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def seccomp_of(unit, lib):
    """The unit's filter, ready to be loaded; execve is the sandbox's own way out."""
    ctx = lib.seccomp_init(DENY)
    for name in allowed_calls(unit) | {"execve"}:
        call = lib.seccomp_syscall_resolve_name(name.encode())
        if call < 0:
            continue  # of another processor
        if name == "socket":
            for family in unit["RestrictAddressFamilies"][-1].split():
                only = Argument(0, 4, FAMILIES[family], 0)  # SCMP_CMP_EQ
                lib.seccomp_rule_add_array(ctx, ALLOW, call, 1, ctypes.byref(only))
        else:
            lib.seccomp_rule_add_array(ctx, ALLOW, call, 0, None)
    return ctx


def mount(*words):
    if subprocess.run(["mount", *words], capture_output=True, check=False).returncode != 0:
        print("cannot mount: " + " ".join(words), file=sys.stderr)
        sys.exit(77)


def cut_off(unit, data):
    mount("--make-rprivate", "/")
    mount("--bind", data, "/mnt")
    if unit.says("ProtectSystem", "strict"):
        mount("-o", "remount,ro,bind", "/")
    if unit.says("PrivateTmp", "yes"):
        mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/tmp")
    if unit.says("ProtectHome", "yes"):
        mount("-t", "tmpfs", "-o", "mode=0000", "tmpfs", "/home")
        mount("-t", "tmpfs", "-o", "mode=0000", "tmpfs", "/root")
    if unit.says("ProcSubset", "pid"):
        mount("-t", "proc", "-o", "subset=pid,hidepid=invisible", "proc", "/proc")


def give_up_rights(unit, libc):
    assert unit.says("CapabilityBoundingSet", "") and unit.says("NoNewPrivileges", "yes")
    for capability in range(41):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if unit.says("MemoryDenyWriteExecute", "yes"):
        libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)  # an old kernel has none


def main():
    path, data, *words = sys.argv[1:]
    unit, libc = Unit(path), ctypes.CDLL(None)
    try:
        lib = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        sys.exit(77)
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
    lib.seccomp_load.argtypes = [ctypes.c_void_p]
    filter_ = seccomp_of(unit, lib)
    limit = min(int(unit["LimitNOFILE"][-1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    os.umask(int(unit["UMask"][-1], 8))
    os.chown(data, NOBODY, NOBODY)
    cut_off(unit, data)
    give_up_rights(unit, libc)
    os.chdir("/mnt")
    if lib.seccomp_load(filter_) != 0:
        sys.exit(77)
    os.execv(words[0], words)


if __name__ == "__main__":
    main()
