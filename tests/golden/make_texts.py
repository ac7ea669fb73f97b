#!/usr/bin/env python3
"""Writes texts.jsonl: our own texts for the tokenizer and the encoder, the same on every run.

    make_texts.py MODEL_DIR > texts.jsonl

One object a line: {"id", "text", "ids"}; ids are the reference tokenizer's, [CLS] and [SEP]
included, not cut. Texts run from nothing at all to 600 words, so that a cut at 256 tokens is
exercised, over prose, questions, numbers, tables, code, other scripts and broken spacing."""

import json
import random
import sys

from tokenizers import Tokenizer

SEED = 20240611

SUBJECTS = """the central bank|a savings bank in the valley|the harbour authority|our night nurse
the glacier above the village|a retired typesetter|the municipal water board|every tram driver
the auditor|a small vineyard|the observatory|the insurance desk|a beekeeper|the court of appeal
the old lighthouse|two marine biologists|the payroll clerk|a young cellist|the refinery
the compliance officer|a flock of starlings|the bakery on the corner|the risk committee
an unmanned weather station|the translator|the borrower|a paediatrician|the railway museum
the supervisor of the exchange|a volcano on the island|the carpenter|the records office""".replace("\n", "|").split("|")

VERBS = """reported|measured|postponed|insured|rebuilt|questioned|weighed|described|sold|inspected
photographed|approved|rejected|counted|restored|underestimated|published|repaired|audited
transported|disclosed|recorded|painted|financed|misplaced|explained|halved|doubled""".replace("\n", "|").split("|")

OBJECTS = """its liquidity coverage ratio|seventeen crates of oranges|the minutes of the last meeting
a counter-cyclical buffer|the migration of the eels|an unusually quiet winter|the disputed invoice
three suspicious transfers|a violin made in Cremona|the foundations of the bridge|the quarterly loss
rainfall in the upper basin|a loan secured by farmland|the dosage for children|new copper wiring
the spelling of every surname|the beneficial owner|a map of the sewers|the price of barley
wind speeds at the summit|the maturity of its bonds|a recipe for rye bread|the orbit of a comet
all deposits above the threshold|the length of the runway|an export licence|the choir's repertoire
the ledger of 1911|a second opinion|the pension obligations|soil samples from the delta""".replace("\n", "|").split("|")

TAILS = """before the first snow fell|without telling anyone|at the request of the regulator
because the contract had lapsed|although nobody believed it|within thirty days|by hand
for the second year in a row|while the ferry was waiting|under a temporary exemption
despite two earlier warnings|in exchange for better terms|as the statute requires|on a Tuesday
after the merger was called off|with hardly any noise|in nine of eleven cases|for no fee
and nobody noticed until spring|to the surprise of its neighbours""".replace("\n", "|").split("|")

QUESTIONS = """Who {v} {o}?|When was {o} {v}, and why?|How much did it cost after {s} {v} {o}?
Is it true that {s} never {v} {o}?|What happens if {s} has not {v} {o} {t}?
Where can I read how {s} {v} {o}?|Which rules apply to {o}?|Why had {s} {v} {o} {t}?""".replace("\n", "|").split("|")

WRITTEN = [
    "Light from the Andromeda galaxy that reaches us tonight set out two and a half million years ago.",
    "Yeast eats sugar and leaves alcohol and carbon dioxide behind; bread keeps the gas, beer keeps both.",
    "A put option gains value when the price of the underlying share falls below the strike.",
    "The kidneys filter about 180 litres of plasma a day, and nearly all of it is taken back.",
    "Concrete sets by hydration, not by drying, and it goes on getting harder for years.",
    "Chess engines prune most of the tree and still see further than any of us.",
    "In a blast furnace coke is both the fuel and the agent that takes the oxygen from the ore.",
    "Monsoon rains fail when the temperature gradient between land and sea is too weak.",
    "The bassoon's reed is double, its bore conical, and its lowest note a B flat.",
    "Tier 1 capital absorbs losses while the bank goes on; Tier 2 does so when it is wound up.",
    "A customer is identified before the account is opened, and known for as long as it stays open.",
    "Salt lowers the freezing point of water, which is why it is strewn on roads in January.",
    "Quicksort is fast on average; its worst case is avoided by choosing the pivot at random.",
    "Octopuses have three hearts, two of which stop while they swim.",
    "The plaintiff must show duty, breach, causation and damage.",
    "Saffron is picked by hand at dawn, three threads from each crocus.",
    "Ohm's law says that the current is the voltage divided by the resistance.",
    "Gothic vaults send their thrust to flying buttresses, so the walls can be glass.",
    "Vaccines teach the immune system a shape that it will recognise later.",
    "A leap second has been added twenty-seven times since 1972.",
    "Cork oaks are stripped every nine years and live for two hundred.",
    "Double-entry bookkeeping writes every amount twice, and the two columns must agree.",
    "Tidal locking keeps one face of the Moon turned to us.",
    "Passengers may carry liquids of up to 100 ml in a transparent bag of one litre.",
    "The tenor missed the high C, laughed, and sang the phrase again.",
    "Basel III raised the minimum of common equity and added a conservation buffer of 2.5 %.",
    "Peat grows by about a millimetre a year, so a metre of it is a thousand years.",
    "An umlaut changes the vowel; a diaeresis keeps two vowels apart.",
    "The goalkeeper guessed left, the ball went right, and the stadium fell silent.",
    "Wool keeps its warmth when wet because its fibres trap air.",
]

SCRIPTS = [
    "Zażółć gęślą jaźń", "Příliš žluťoučký kůň úpěl ďábelské ódy.", "Ærøskøbing på Ærø, ÅNGSTRÖM, çedilla",
    "El niño comió piñas; ¿quién pagó?", "Straße, STRASSE, ẞ und Größe", "Ελληνικά: Ο Σίσυφος και ο βράχος ΣΟΦΟΣ",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.", "İstanbul'da ığdır ve ISPARTA",
    "العربية: السَّلَامُ عَلَيْكُمْ", "עִבְרִית שָׁלוֹם", "हिन्दी में नमस्ते, क्षत्रिय", "ภาษาไทยไม่มีช่องว่าง",
    "日本語の文章。カタカナとひらがな、ガ と ガ", "中文分词,每个汉字一个词。", "繁體字與簡体字 混在一起 2024年",
    "한국어 문장은 음절로 쓴다.", "Tiếng Việt: Nguyễn Phước Ánh", "ქართული ენა", "Հայերեն լեզու",
    "বাংলা ভাষা", "தமிழ் மொழி", "O\u0308sterreich mit zerlegtem Umlaut", "ﬁne ﬂuﬀ ligatures, Ⅷ and ½",
    "ｆｕｌｌ　ｗｉｄｔｈ　ＬＥＴＴＥＲＳ　１２３", "🙂 emoji 🚀 and 👩‍👩‍👧 families 🇨🇭", "math: ∑ x² ≠ ∞, ∀ε>0 ∃δ, 𝔸𝕓𝕔",
    "quotes “curly” ‘single’ «guillemets» — dashes – and … dots", "price: €1.299,00 £45 ¥3000 ₹12",
    "zero\u200bwidth\u200cjoin\u200der \ufeffand soft\u00adhyphen", "non\u00a0breaking\u2009thin\u3000wide spaces",
    "x\u0301\u0302\u0303 stacked, a\u0328\u0301 and a\u0301\u0328", "control\x01\x02 chars \x7f and \ufffd replacement",
]

ODD = [
    "", " ", "\n", "\t \r\n ", ".", "?", "a", "A", "7", "é", "中", "🙂", "\u200b", "...", "- - -", "###", "##ing",
    "[SEP]", "[CLS] hello", "a [MASK] b", "[UNK][PAD]", "[sep]", "[ SEP ]", "[[SEP]]", "[unused1]",
    "x" * 100, "x" * 101, "x" * 600, "supercalifragilisticexpialidocious",
    "pneumonoultramicroscopicsilicovolcanoconiosis", "don't can't won't it's o'clock", "e-mail: jo.do+x@example.org",
    "https://example.org/a/b?c=d&e=f#g", "C:\\Temp\\file.txt", "for (int i = 0; i < n; i++) { a[i] = 0; }",
    "SELECT name FROM accounts WHERE balance > 1e6;", "{\"key\": [1, 2.5, null]}", "<p class=\"x\">bold &amp; kept</p>",
    "1,000,000.00", "3.14159265358979", "12 CFR 3.10(a)(1)", "2024-02-29T23:59:60Z", "+41 44 123 45 67", "50%-60%",
    "ALL CAPITALS AND THEN SOME", "mIxEd CaSe WoRdS", "snake_case_and_more", "camelCaseIdentifier", "a.b.c.d.e",
]


def sentence(rng):
    s, v, o, t = (rng.choice(x) for x in (SUBJECTS, VERBS, OBJECTS, TAILS))
    form = rng.randrange(6)
    if form == 0:
        text = f"{s} {v} {o}."
    elif form == 1:
        text = f"{t.removeprefix('and ')}, {s} {v} {o}."
    elif form == 2:
        text = f"{s} {v} {o} {t}; {rng.choice(SUBJECTS)} {rng.choice(VERBS)} it too."
    elif form == 3:
        text = f"{s}, which {v} {o}, {rng.choice(VERBS)} {rng.choice(OBJECTS)} {t}."
    else:
        text = f"{s} {v} {o} {t}."
    return text[0].upper() + text[1:]


def question(rng):
    s, v, o, t = (rng.choice(x) for x in (SUBJECTS, VERBS, OBJECTS, TAILS))
    return rng.choice(QUESTIONS).format(s=s, v=v, o=o, t=t)


def figures(rng):
    year, amount = rng.randrange(1890, 2031), rng.randrange(1, 10**7)
    return rng.choice([
        f"In {year}, {rng.choice(SUBJECTS)} {rng.choice(VERBS)} ${amount:,} ({rng.random() * 100:.2f} %).",
        f"Total assets: {amount:,}; equity: {amount // 9:,}; ratio {rng.random() * 20:.1f} % at 31/12/{year}.",
        f"No. {amount} of {year}: {rng.randrange(1, 29)}.{rng.randrange(1, 13)}.{year}, {rng.random():.6f} g/l.",
        f"{year}Q{rng.randrange(1, 5)} EPS {rng.random() * 9:.2f} vs {rng.random() * 9:.2f}, -{rng.randrange(90)}bp",
    ])


def table(rng):
    head = rng.sample(["Year", "Region", "Revenue", "Cost", "Margin", "Staff", "Rate", "Notes"], 4)
    rows = [" | ".join(head)]
    for _ in range(rng.randrange(2, 12)):
        rows.append(" | ".join(f"{rng.randrange(10**rng.randrange(1, 7)):,}" for _ in head))
    return "\n".join(rows)


def passage(rng, n_words):
    words = []
    while len(words) < n_words:
        make = figures if rng.random() < 0.15 else rng.choice([sentence, sentence, question])
        words += (rng.choice(WRITTEN) if rng.random() < 0.1 else make(rng)).split(" ")
    return " ".join(words[:n_words])


def texts():
    rng = random.Random(SEED)
    out = ODD + WRITTEN + SCRIPTS
    out += [rng.choice(SUBJECTS + VERBS + OBJECTS).split()[-1] for _ in range(30)]
    out += [sentence(rng) for _ in range(110)]
    out += [question(rng) for _ in range(70)]
    out += [figures(rng) for _ in range(40)]
    out += [table(rng) for _ in range(20)]
    out += [passage(rng, rng.randrange(20, 120)) for _ in range(100)]
    out += [passage(rng, n) for n in range(160, 240, 2)]
    out += [passage(rng, n) for n in range(250, 601, 25)]
    out += [" ".join(rng.sample(SCRIPTS, 12)) for _ in range(15)]
    return out


def main():
    tokenizer = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for i, text in enumerate(texts()):
        row = {"id": i, "text": text, "ids": tokenizer.encode(text).ids}
        print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
