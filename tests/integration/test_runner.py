#!/usr/bin/env python3
"""The test runner sees what goes wrong: a leak, a crash, a test that is missing, one that hangs."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RUN = os.path.join(HERE, "..", "run")
PLANTED = {
    "leak.c": '#include <stdio.h>\n#include <stdlib.h>\nint main(void) {\n'
              'char *volatile p = malloc(7); p = NULL; (void)p;\n'
              'puts("1..1"); puts("ok - leaks"); fflush(stdout); return 0; }\n',
    "overflow.c": '#include <stdio.h>\n#include <limits.h>\nint main(int c, char **v) {\n'
                  '(void)v; puts("1..1"); puts("ok - overflows"); fflush(stdout);\n'
                  'return (INT_MAX - 1 + c + c) == 0; }\n',
}
SCRIPTS = {
    "good.sh": "echo 1..2; echo 'ok - a'; echo 'ok - b # SKIP needs a thing'",
    "bad.sh": "echo 1..1; echo 'not ok - a'",
    "missing.sh": "echo 1..3; echo 'ok - a'",
    "crash.sh": "echo 1..1; echo 'ok - a'; kill -SEGV $$",
    "silent.sh": "exit 0",
    "hangs.sh": "echo 1..1; echo 'ok - a'; sleep 100",
}
FLAGS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]


def run(folder, *names):
    """The runner's exit code, its output and its last line."""
    paths = [os.path.join(folder, n) for n in names]
    got = subprocess.run([sys.executable, RUN, "--timeout", "5", *paths], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=False)
    return got.returncode, got.stdout, got.stdout.rstrip().splitlines()[-1]


def plant(folder):
    for name, text in SCRIPTS.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text + "\n")
    for name, text in PLANTED.items():
        source = os.path.join(folder, name)
        with open(source, "w", encoding="ascii") as f:
            f.write(text)
        subprocess.run(["gcc", *FLAGS, source, "-o", source[:-2]], check=True)


CASES = [
    ("passes and skips are counted, skips are named", ["good.sh"], 0, "1 passed, 0 failed, 1 skipped",
     "good.sh: b: needs a thing"),
    ("a failure is named", ["bad.sh"], 1, "0 passed, 1 failed, 0 skipped", "bad.sh: a"),
    ("a test planned and not reported has failed", ["missing.sh"], 1, "1 passed, 2 failed, 0 skipped",
     "planned and not reported"),
    ("a crash is a failure", ["crash.sh"], 1, "1 passed, 1 failed, 0 skipped", "signal 11"),
    ("a program that says nothing has failed", ["silent.sh"], 1, "0 passed, 1 failed, 0 skipped",
     "no plan"),
    ("a program that hangs is ended", ["hangs.sh"], 1, "1 passed, 1 failed, 0 skipped",
     "no end after 5 seconds"),
    ("a planted leak is a failure although its test is ok", ["leak"], 1,
     "1 passed, 1 failed, 0 skipped", "LeakSanitizer"),
    ("a planted overflow is a failure", ["overflow"], 1, "1 passed, 1 failed, 0 skipped",
     "runtime error"),
    ("no program at all is a failure", [], 1, "0 passed, 1 failed, 0 skipped", "no test program"),
]


def main():
    print("1..%d" % len(CASES))
    with tempfile.TemporaryDirectory() as folder:
        plant(folder)
        for name, programs, code, last, part in CASES:
            got = run(folder, *programs)
            right = got[0] == code and got[2] == last and part in got[1]
            print("%sok - %s" % ("" if right else "not ", name))
            if not right:
                print("\n".join("# " + line for line in got[1].splitlines()))


if __name__ == "__main__":
    main()
