"""TAP for tests in Python: functions whose names are claims.

    sys.exit(tap.run(tap.chosen(TESTS), lambda fn: fn(shared)))

A test that finds something missing raises Skip with what it needs. Words on the command line choose the tests
whose names have one of them.
"""
import sys
import traceback


class Skip(Exception):
    pass


def name_of(fn):
    return fn.__name__.replace("_", " ")


def chosen(tests, key=lambda t: t):
    words = sys.argv[1:]
    return [t for t in tests if not words or any(w in key(t).__name__ for w in words)]


def skip_all(tests, why, key=lambda t: t):
    """None can run here: each is named with the reason. The exit code."""
    print("1..%d" % len(tests))
    for i, t in enumerate(tests, 1):
        print("ok %d - %s # SKIP %s" % (i, name_of(key(t)), why))
    return 0


def run(tests, call, key=lambda t: t):
    """Calls call(t) for each, with its function at key(t). The exit code."""
    failed = 0
    print("1..%d" % len(tests), flush=True)
    for i, t in enumerate(tests, 1):
        name = name_of(key(t))
        try:
            call(t)
            print("ok %d - %s" % (i, name), flush=True)
        except Skip as why:
            print("ok %d - %s # SKIP %s" % (i, name, why), flush=True)
        except Exception:  # whatever it was, the others go on
            failed += 1
            print("not ok %d - %s" % (i, name))
            print("\n".join("# " + line for line in traceback.format_exc().splitlines()), flush=True)
    return 1 if failed else 0
