#!/usr/bin/env python3
"""make_gelu.py - the coefficients of gelu_near in src/simd/vec_rows.h.

Prints c[i] for which x * (1/2 + x * sum c[i] x^(2i)), the bracket held within 0 .. 1, comes nearest
to x * P(X < x) (standard normal), the sum reaching 1/2 at END; and its error up to 100. An odd
number of terms ends in a positive one, so that beyond END the bracket only grows.
Weighted least squares, the weights raised where the error is largest (Lawson 1961). Needs numpy.
"""
from math import erf, sqrt

import numpy as np

END, TERMS, ROUNDS = 3.95, 7, 200


def half_distribution(x):
    return np.array([0.5 * erf(v / sqrt(2)) for v in x])


def fit():
    x = (END * (1 - np.cos(np.linspace(0, np.pi, 4001))) / 2)[1:]
    t = (x / END) ** 2
    powers = np.stack([x * t**i for i in range(TERMS)], 1)
    wanted = half_distribution(x)
    # the last coefficient follows from the value at END
    free = powers[:, :-1] - powers[:, [-1]]
    rest = wanted - powers[:, -1] * 0.5 / END
    weight = np.ones_like(x)
    for _ in range(ROUNDS):
        w = x * weight
        c = np.linalg.lstsq(free * w[:, None], rest * w, rcond=None)[0]
        error = np.abs(x * (free @ c - rest))
        weight *= (error / error.max() + 1e-6) ** 0.3
        weight /= weight.max()
    c = np.append(c, 0.5 / END - c.sum())
    return c / END ** (2.0 * np.arange(TERMS))


def main():
    c = np.float32(fit())
    x = np.linspace(-100, 100, 4000001).astype(np.float32)
    p = np.full_like(x, c[-1])
    for one in c[-2::-1]:
        p = p * (x * x) + one
    got = x * np.clip(x * p + np.float32(0.5), 0, 1)
    print(", ".join(f"{v:.9g}f" for v in c))
    print(f"largest error {np.abs(got - x * (0.5 + half_distribution(x))).max():.2g}")


main()
