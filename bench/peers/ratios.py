"""Arithmetic of `make bench-embed`: floors, the ratios and their bars. Times are ms of the least turn.

    times[(engine, case, threads)]   an engine of ours is "ragd f32", "ragd bf16", "ragd int8"
    work[case]                       (operations of products, operations of attention)
    peaks                            {"f32": operations a second, "bf16": ..., "int8": ...}, 0: none
"""
import collections

Q12, Q32, P128, BATCH, MIXED = "12 tokens", "32 tokens", "128 tokens", "64 x 128", "64 mixed"
CASES = (Q12, Q32, P128, BATCH, MIXED)
PRECISIONS = ("f32", "bf16", "int8")
AT_LEAST, AT_MOST = "at least", "at most"

Row = collections.namedtuple("Row", "name value side bar note")


def floor_ms(work, precision, peaks):
    """Products at the peak of the precision (f32 where there is none), attention at that of f32."""
    products, attention = work
    return 1e3 * (products / (peaks[precision] or peaks["f32"]) + attention / peaks["f32"])


def least(times, prefix, case, threads):
    """The fastest of the engines whose names begin so, with its name; (None, None) without one."""
    found = [(ms, name) for (name, c, n), ms in times.items()
             if name.startswith(prefix) and c == case and n == threads]
    return min(found) if found else (None, None)


def ratio(times, above, below, case, threads=1):
    """Time of `above` over time of `below`, and which engines those were."""
    a, a_name = least(times, above, case, threads)
    b, b_name = least(times, below, case, threads)
    return (a / b if a and b else None), "%s, %s" % (a_name or "no " + above, b_name or "no " + below)


def against_peers(times):
    for name, above, below, case, bar in (
            ("OpenVINO int8 / ours int8, 12 tokens", "OpenVINO int8", "ragd int8", Q12, 1.9),
            ("torch f32 / ours, 12 tokens", "torch f32", "ragd", Q12, 17.0),
            ("OpenVINO int8 / ours int8, 64 x 128", "OpenVINO int8", "ragd int8", BATCH, 1.25),
            ("onnxruntime int8 / ours int8, 64 x 128", "onnxruntime int8", "ragd int8", BATCH, 2.3)):
        value, note = ratio(times, above, below, case)
        yield Row(name, value, AT_LEAST, bar, note)


def against_one_thread(wall):
    for case, bar in ((BATCH, 1.9), (MIXED, 1.9), (Q12, 1.7)):
        one, name = least(wall, "ragd", case, 1)
        two = wall.get((name, case, 2))
        yield Row("two threads / one, %s" % case, one / two if one and two else None, AT_LEAST, bar,
                  name or "no ragd")


def against_floor(times, work, peaks):
    for case in (Q12, P128):
        for precision in PRECISIONS:
            ms = times.get(("ragd " + precision, case, 1))
            value = ms / floor_ms(work[case], precision, peaks) if ms else None
            yield Row("time / floor, %s, %s" % (case, precision), value, AT_MOST, 1.4,
                      "" if peaks[precision] else "no peak of %s here: against f32" % precision)


def rows(times, wall, work, peaks):
    """`wall`: the same by the wall clock; threads against threads can be told by no other."""
    return [*against_peers(times), *against_one_thread(wall), *against_floor(times, work, peaks)]


def verdict(row):
    """"met", or by how much it is not."""
    if row.value is None:
        return "not measured"
    if row.value >= row.bar if row.side == AT_LEAST else row.value <= row.bar:
        return "met"
    short = 1 - row.value / row.bar if row.side == AT_LEAST else row.value / row.bar - 1
    return "%.0f %% %s" % (100 * short, "short" if row.side == AT_LEAST else "over")
