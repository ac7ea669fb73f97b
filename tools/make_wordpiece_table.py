#!/usr/bin/env python3
"""Writes src/text/wordpiece_table.c: how the reference tokenizer treats every code point.

    pip install tokenizers==0.23.3
    tools/make_wordpiece_table.py > src/text/wordpiece_table.c

Nothing here is taken from Unicode's files: the reference carries tables of several ages, so it is
asked, code point by code point, what it does. The answers are checked for being independent of
their neighbours (but for the canonical order of combining characters, which is asked for too)."""

import sys
import unicodedata

import tokenizers
from tokenizers import normalizers, pre_tokenizers

UNCASED = normalizers.BertNormalizer()
CASED = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
SPLIT = pre_tokenizers.BertPreTokenizer()
NFD = normalizers.NFD()

WORD, SPACE, PUNCT, CJK, GONE, MARK, MARK_FIXED, ORDERED = range(8)
CLASS_BITS = 3
HANGUL = range(0xAC00, 0xAC00 + 11172)
HANGUL_ENTRY = (1 << (16 - CLASS_BITS)) - 1
LATE, EARLY = "\u302e", "\ua953"  # survive normalizing; combining classes 224 and 9


def all_code_points():
    return (cp for cp in range(0x110000) if not 0xD800 <= cp < 0xE000)


def pieces(text):
    return [piece for piece, _ in SPLIT.pre_tokenize_str(text)]


def cased_class(c):
    """What becomes of c when case and accents are left alone."""
    out = CASED.normalize_str(c)
    if out == "":
        return GONE
    if out == " ":
        return SPACE
    if out == f" {c} ":
        return CJK
    assert out == c, hex(ord(c))
    split = pieces("a" + c + "b")
    if split == ["a", c, "b"]:
        return PUNCT
    assert split == ["a" + c + "b"], hex(ord(c))
    return WORD


def moves(c):
    """True if c takes part in canonical ordering."""
    late, early = NFD.normalize_str(LATE + c), NFD.normalize_str(c + EARLY)
    return late[0] != LATE or early[-1] != EARLY


def probe(cp):
    """(class, mapping) of one code point; the mapping is None where it stays itself."""
    c = chr(cp)
    kind, out = cased_class(c), UNCASED.normalize_str(c)
    if kind in (GONE, SPACE):
        return kind, None
    if kind == CJK:
        assert out[0] == out[-1] == " " and " " not in out[1:-1] and len(out) == 3, hex(cp)
        return CJK, None if out[1] == c else out[1]
    if out == "":
        assert kind == WORD, hex(cp)
        return (MARK if UNCASED.normalize_str(LATE + c + EARLY) == EARLY + LATE else MARK_FIXED), None
    if kind == WORD and out == c and moves(c):
        return ORDERED, None
    assert " " not in out
    return kind, None if out == c else out


def check(table):
    """The answers for single code points must explain longer texts."""
    for cp, (kind, mapping) in table.items():
        c = chr(cp)
        alone = "" if kind in (GONE, MARK, MARK_FIXED) else mapping or c
        if kind == SPACE:
            alone = " "
        if kind == CJK:
            alone = f" {alone} "
        assert UNCASED.normalize_str("a" + c + "b") == "a" + alone + "b", hex(cp)
        ordered = any(table[ord(m)][0] == ORDERED for m in mapping or c)
        if kind not in (MARK, GONE) and not ordered:
            assert UNCASED.normalize_str(LATE + c + EARLY) == LATE + alone + EARLY, hex(cp)
        if mapping and kind != CJK:
            for m in mapping:
                split = pieces("a" + m + "b")
                is_punct = table[ord(m)][0] == PUNCT
                assert split == (["a", m, "b"] if is_punct else ["a" + m + "b"]), hex(cp)
                assert moves(m) == (table[ord(m)][0] == ORDERED), hex(cp)
        if cp in HANGUL:
            i = cp - 0xAC00
            jamo = chr(0x1100 + i // 588) + chr(0x1161 + i % 588 // 28)
            assert mapping == (jamo + chr(0x11A7 + i % 28) if i % 28 else jamo), hex(cp)


def check_orders(orders):
    for a, order_a in orders:
        for b, order_b in orders:
            out = NFD.normalize_str(chr(a) + chr(b))
            assert (out[0] == chr(b)) == (a == b or order_a > order_b), (hex(a), hex(b))


def two_stage(entries):
    """The block size (a power of two) that makes both stages together smallest."""
    best = None
    for shift in range(5, 10):
        blocks, pages, seen = [], [], {}
        for i in range(0, len(entries), 1 << shift):
            block = tuple(entries[i : i + (1 << shift)])
            if block not in seen:
                seen[block] = len(blocks)
                blocks.append(block)
            pages.append(seen[block])
        size = len(pages) + len(blocks) * 2 * (1 << shift)
        if len(blocks) <= 256 and (best is None or size < best[0]):
            best = size, shift, pages, [e for block in blocks for e in block]
    return best


def write_numbers(name, ctype, numbers):
    print(f"\nconst {ctype} {name}[] = {{")
    line = "   "
    for n in numbers:
        if len(line) + len(f" {n},") > 100:
            print(line)
            line = "   "
        line += f" {n},"
    print(line + "\n};")


def write_text(name, text):
    print(f"\nconst unsigned char {name}[] = {{")
    for i in range(0, len(text), 16):
        print("    " + " ".join(f"0x{b:02x}," for b in text[i : i + 16]))
    print("};")


def main():
    table = {cp: probe(cp) for cp in all_code_points()}
    check(table)
    orders = [(cp, unicodedata.combining(chr(cp))) for cp, t in table.items() if t[0] == ORDERED]
    check_orders(orders)

    texts = sorted({m for cp, (_, m) in table.items() if m and cp not in HANGUL})
    number = {m: i + 1 for i, m in enumerate(texts)}
    assert len(number) + 1 < HANGUL_ENTRY
    starts, text = [0], b""
    for m in texts:
        starts.append(len(text))
        text += m.encode()
    starts.append(len(text))
    assert len(text) < 65536

    entries = [GONE] * 0x110000  # surrogates are not characters: they do not occur
    for cp, (kind, mapping) in table.items():
        i = HANGUL_ENTRY if cp in HANGUL else number.get(mapping, 0)
        entries[cp] = kind | i << CLASS_BITS
    size, shift, pages, blocks = two_stage(entries)

    print(f"""/* Made by tools/make_wordpiece_table.py from tokenizers {tokenizers.__version__}. Not edited by hand. */
/* clang-format off */
#include "text/wordpiece_table.h"

_Static_assert(WORDPIECE_BLOCK_SHIFT == {shift}, "the table was made for another block size");""")
    write_numbers("wordpiece_pages", "uint8_t", pages)
    write_numbers("wordpiece_blocks", "uint16_t", blocks)
    write_numbers("wordpiece_map_starts", "uint16_t", starts)
    write_text("wordpiece_map_text", text)
    print(f"\nconst size_t wordpiece_n_orders = {len(orders)};")
    print("\nconst struct wordpiece_order wordpiece_orders[] = {")
    for cp, order in orders:
        print(f"    {{0x{cp:05x}, {order}}},")
    print("};")
    print(f"{size + len(text) + 2 * len(starts)} bytes of tables, blocks of {1 << shift}", file=sys.stderr)


if __name__ == "__main__":
    main()
