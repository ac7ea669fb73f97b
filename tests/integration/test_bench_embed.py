#!/usr/bin/env python3
"""What `make bench-embed` says can be trusted: its arithmetic, the lines its children speak, its report.

No time is judged here. Engines are stand-ins that answer with fixed figures, but for the protocol of
our own, which is the program itself.
"""
import contextlib
import io
import math
import os
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(ROOT, "models/all-MiniLM-L6-v2")
BENCH = os.path.join(os.environ.get("RAGD_BUILD", os.path.join(ROOT, "build/debug")), "bench/bench_embed")
sys.path.insert(0, os.path.join(ROOT, "bench/peers"))
sys.dont_write_bytecode = True
import compare
import ratios
import tables

CASES = []
PEAKS = {"f32": 1e11, "bf16": 2e11, "int8": 4e11}
WORK = {c: (4e8, 1e8) for c in ratios.CASES}


def case(function):
    CASES.append(function)
    return function


def times(also=None):
    found = {("ragd f32", ratios.Q12, 1): 2.0, ("ragd int8", ratios.Q12, 1): 0.5,
             ("OpenVINO int8", ratios.Q12, 1): 1.2, ("OpenVINO int8, rest bf16", ratios.Q12, 1): 1.0,
             ("torch f32", ratios.Q12, 1): 8.5, ("ragd int8", ratios.Q12, 2): 0.25}
    found.update(also or {})
    return found


def row(name, also=None):
    t = times(also)
    return next(r for r in ratios.rows(t, t, WORK, PEAKS) if r.name == name)


def close(a, b):
    return math.isclose(a, b, rel_tol=1e-9)


# ---- arithmetic ----

@case
def the_floor_takes_attention_at_the_peak_of_f32():
    assert close(ratios.floor_ms((4e8, 1e8), "int8", PEAKS), 1.0 + 1.0)
    assert close(ratios.floor_ms((4e8, 1e8), "f32", PEAKS), 4.0 + 1.0)


@case
def without_such_an_instruction_the_floor_is_that_of_f32():
    assert close(ratios.floor_ms((4e8, 1e8), "bf16", dict(PEAKS, bf16=0)), 5.0)


@case
def a_peer_is_counted_with_its_fastest_form():
    r = row("OpenVINO int8 / ours int8, 12 tokens")
    assert close(r.value, 1.0 / 0.5) and "rest bf16" in r.note
    assert ratios.verdict(r) == "met"


@case
def a_bar_that_is_not_met_says_by_how_much():
    r = row("torch f32 / ours, 12 tokens", also={("torch f32", ratios.Q12, 1): 6.8})
    assert close(r.value, 13.6) and ratios.verdict(r) == "20 % short", ratios.verdict(r)
    r = row("time / floor, 12 tokens, int8", also={("ragd int8", ratios.Q12, 1): 5.6})
    assert close(r.value, 2.8) and ratios.verdict(r) == "100 % over", ratios.verdict(r)


@case
def what_was_not_measured_is_not_called_met():
    r = row("OpenVINO int8 / ours int8, 64 x 128")
    assert r.value is None and ratios.verdict(r) == "not measured"


@case
def two_threads_are_told_by_the_wall_clock():
    wall = times(also={("ragd int8", ratios.Q12, 1): 0.45})
    r = next(r for r in ratios.rows(times(), wall, WORK, PEAKS) if r.name == "two threads / one, 12 tokens")
    assert close(r.value, 0.45 / 0.25) and ratios.verdict(r) == "met"


@case
def a_cosine_does_not_ask_for_unit_length():
    assert close(compare.cosine([3.0, 4.0], [6.0, 8.0]), 1.0)
    assert compare.cosine([1.0, 0.0], [0.0, 1.0]) == 0.0


# ---- texts ----

@case
def texts_are_the_same_in_every_run():
    assert compare.make_texts() == compare.make_texts()
    texts, _ = compare.make_texts()
    assert [len(texts[c]) for c in ratios.CASES] == [1, 1, 1, 64, 64]
    assert len(set(texts[ratios.BATCH])) == 64


# ---- children ----

FAKE = """
import sys
print("ready fake 1", flush=True)
for line in sys.stdin:
    word, name, n = (line.split() + ["", ""])[:3]
    if word == "case":
        for _ in range(int(n)):
            sys.stdin.readline()
        print("ok", TOKENS, 400000000, 100000000)
    elif word == "run" and name == "128_tokens":
        print("error it broke")
    elif word == "run":
        print("ok", " ".join(["9000000:9000000"] * (n != "1") + ["3000000:2000000"] * max(1, int(n) - 1)))
    elif word == "vectors":
        print("ok 1\\n1.0 0.0")
    elif word == "peak":
        print("ok 1e11 2e11 0")
    else:
        print("ok 5e10")
    sys.stdout.flush()
"""


def fake(n_tokens=12):
    return [sys.executable, "-c", FAKE.replace("TOKENS", str(n_tokens))]


def run_with(engines, *words):
    """compare.main with these engines: what it printed."""
    out, old = io.StringIO(), (compare.commands, compare.peers_here)
    compare.commands = lambda o, n_threads: engines
    compare.peers_here = lambda: False
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            compare.main([MODEL, "--rounds", "2", *words])
    finally:
        compare.commands, compare.peers_here = old
    return out.getvalue()


@case
def the_first_run_of_a_turn_is_not_counted():
    text = run_with({"ragd int8": fake()}, "--threads", "1")
    assert "| ragd int8 | 3.00 (3.00) |" in text, text
    assert "9.00" not in text


@case
def processor_time_is_counted_when_asked_for():
    text = run_with({"ragd int8": fake()}, "--threads", "1,2", "--clock", "cpu")
    assert "| ragd int8 | 2.00 (2.00) |" in text and "| ragd int8 | 3.00 (3.00) |" in text, text
    assert "| two threads / one, 12 tokens | 1.00 | at least 1.7 | 41 % short |" in text, text


@case
def an_engine_that_fails_is_named_and_the_rest_goes_on():
    text = run_with({"ragd int8": fake(), "OpenVINO int8": [sys.executable, "-c", "raise SystemExit('no such model')"]},
                    "--threads", "1")
    assert "OpenVINO int8: no such model" in text, text
    assert "ragd int8: it broke" in text, text
    assert "| ragd int8 | 3.00 (3.00) | 3.00 (3.00) | - |" in text, text


@case
def an_engine_with_other_tokens_does_not_take_part():
    text = run_with({"ragd int8": fake(12), "OpenVINO int8": fake(13)}, "--threads", "1")
    assert "has 13 tokens, with ragd int8 12" in text, text
    assert "| OpenVINO int8 |" not in text, text


@case
def without_peers_one_line_says_how_to_get_them():
    text = run_with({"ragd int8": fake()}, "--threads", "1")
    assert [line for line in text.splitlines() if "scripts/setup --peers" in line], text
    assert "int8 none" in text, text


@case
def a_peak_that_is_not_there_is_called_none():
    assert "int8 none" in run_with({"ragd int8": fake()}, "--threads", "1")


@case
def the_report_replaces_the_tables_and_keeps_the_prose():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "page.md")
        with open(path, "w", encoding="utf-8") as f:
            f.write("# Title\n\n%s\n\nold\n\n%s\n\nWhy.\n" % (tables.BEGIN, tables.END))
        for text in ("first", "second"):
            tables.put_into(path, text)
        with open(path, encoding="utf-8") as f:
            assert f.read() == "# Title\n\n%s\n\nsecond\n\n%s\n\nWhy.\n" % (tables.BEGIN, tables.END)
        tables.put_into(os.path.join(folder, "new.md"), "first")
        assert os.path.exists(os.path.join(folder, "new.md"))


# ---- our own child ----

def speak(lines, *words):
    got = subprocess.run([BENCH, MODEL, *words], input=lines, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=120, check=False)
    return got.returncode, got.stdout.splitlines(), got.stderr


@case
def our_child_answers_a_line_with_a_line():
    code, out, _ = speak("case a 2\nhello world\nhello\nrun a 2\nvectors a\n", "--precision", "f32", "--serve")
    assert code == 0 and out[0].startswith("ready ragd f32"), out
    tokens, products, attention = map(float, out[1].split()[1:])
    assert tokens == 7 and products == 6 * 7 * (8 * 384 ** 2 + 4 * 384 * 1536), out[1]
    assert attention == 6 * 4 * 384 * (4 ** 2 + 3 ** 2), out[1]
    assert len(out[2].split()) == 3 and all(":" in x for x in out[2].split()[1:]), out[2]
    assert out[3] == "ok 2" and len(out) == 6
    for line in out[4:]:
        assert abs(sum(float(x) ** 2 for x in line.split()) - 1) < 1e-4


@case
def our_child_says_what_was_wrong_and_goes_on():
    lines = "run nobody 1\ncase a 0\nbandwidth 1\nwhat\ncase a 1\nhi\nrun a 0\nrun a 1001\nrun a 1\n"
    code, out, _ = speak(lines, "--precision", "f32", "--serve")
    wanted = ["ready", "error no case 'nobody'", "error 0 texts; a case has 1 to 10000", "error 1 bytes",
              "error 'what' is none of", "ok", "error 0 runs", "error 1001 runs", "ok"]
    assert code == 0 and len(out) == len(wanted), out
    for line, start in zip(out, wanted):
        assert line.startswith(start), (line, start)


@case
def texts_that_do_not_come_are_an_error():
    code, out, _ = speak("case a 3\nonly one\n", "--precision", "f32", "--serve")
    assert code == 0 and out[-1] == "error 3 texts were promised, 1 came", out


@case
def an_unknown_precision_is_refused_by_name():
    code, _, err = speak("", "--precision", "f16", "--serve")
    assert code == 1 and "precision 'f16' is none of f32, bf16, int8" in err, err
    code, _, err = speak("", "--serve")
    assert code == 2 and err.startswith("usage:"), err


@case
def the_peak_of_a_level_without_such_products_is_zero():
    got = subprocess.run([BENCH, MODEL, "--precision", "f32", "--serve"], input="peak\n", text=True,
                         stdout=subprocess.PIPE, env=dict(os.environ, RAGD_SIMD="scalar"), timeout=120, check=True)
    f32, bf16, int8 = map(float, got.stdout.splitlines()[1].split()[1:])
    assert f32 > 0 and bf16 == 0 and int8 == 0


def main():
    print("1..%d" % len(CASES))
    for function in CASES:
        try:
            function()
            print("ok - " + function.__name__, flush=True)
        except Exception:
            print("not ok - " + function.__name__)
            print("".join("    " + line for line in traceback.format_exc().splitlines(True)), flush=True)


if __name__ == "__main__":
    main()
