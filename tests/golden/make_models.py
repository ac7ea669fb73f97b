#!/usr/bin/env python3
"""Writes models.json: small models of the class, and what the reference makes of texts with them.

    make_models.py models.json

A model here is its small files as text and its tensors as (name, dtype, shape, centre, scale); the
weights themselves are made anew wherever they are needed, here and in tests/support/golden_model.h:

    bits    = splitmix64(seed << 48 | number of the tensor << 32 | number of the element)
    weight  = centre + scale * ((bits >> 40) / 2^23 - 1)        in f32, then rounded to the dtype

A scale is a power of two, so that no step but the last rounds twice. An I64 tensor counts from 0.

The folders are loaded by sentence-transformers as they lie there, so files and names are tested
with the numbers; it is also checked that every weight arrived. Encoded on torch in f32, one text
at a time, normalized. "tokens" are outputs of the encoder for one text, a row a token.
"""

import json
import math
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import numpy as np
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from tokenizers.implementations import BertWordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [chr(c) for c in range(ord("a"), ord("z") + 1)] + [str(i) for i in range(10)]
CAPITALS = [chr(c) for c in range(ord("A"), ord("Z") + 1)] + ["é", "É", "ü", "ï", "Caf"]
MARKS = list(".,;:!?%'-()/")
WORDS = ["the", "what", "is", "of", "capital", "ratio", "bank", "query", "passage", "cafe", "in"]
PIECES = ["##" + c for c in LETTERS] + ["##al", "##ing", "##s2"]
LOWER = SPECIAL + LETTERS + MARKS + WORDS + PIECES
CASED = LOWER + CAPITALS + ["##é", "##ü"]

LONG = "What is the capital ratio of a bank in %d; and of 2%d? " * 12 % tuple(range(24))
TEXTS = [
    "",
    "what is the capital ratio?",
    "The Café in Zürich: naïve, déjà-vu, ÉTÉ 2024 (12.5%)",
    "A",
    "capital capital CAPITAL banks'",
    "中 unknown ☃ words",
    LONG,  # over 64 tokens, over 128 too
    LONG * 4,  # over 512
]
SHORT, ALL = list(range(7)), list(range(8))
TOKEN_TEXT = 1


# ---- weights ----


def splitmix64(x):
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def weights(seed, i_tensor, dtype, shape, centre, scale):
    n = math.prod(shape)
    if dtype == "I64":
        return torch.arange(n, dtype=torch.int64).reshape(shape)
    key = np.uint64(seed << 48 | i_tensor << 32)
    with np.errstate(over="ignore"):
        bits = splitmix64(key | np.arange(n, dtype=np.uint64))
    unit = (bits >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    exact = np.float32(centre) + np.float32(scale) * unit
    kinds = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    return torch.from_numpy(exact.reshape(shape)).to(kinds[dtype])


def near_power(x):
    return 2.0 ** round(math.log2(x))


def tensors(c, prefix="", dtype="F32", gamma="weight", beta="bias", extra=()):
    """Of a configuration, with scales that keep attention sharp and rows apart."""
    hidden, wide = c["hidden_size"], c["intermediate_size"]
    out = [("embeddings.word_embeddings.weight", [c["vocab_size"], hidden], 0, 1),
           ("embeddings.position_embeddings.weight", [c["max_position_embeddings"], hidden], 0, 0.5),
           ("embeddings.token_type_embeddings.weight", [c["type_vocab_size"], hidden], 0, 0.5)]

    def norm(name):
        out.append((f"{name}.{gamma}", [hidden], 1, 0.5))
        out.append((f"{name}.{beta}", [hidden], 0, 0.25))

    def dense(name, n, k):
        out.append((f"{name}.weight", [n, k], 0, near_power(math.sqrt(3 / k))))
        out.append((f"{name}.bias", [n], 0, 0.125))

    norm("embeddings.LayerNorm")
    for i in range(c["num_hidden_layers"]):
        layer = f"encoder.layer.{i}."
        for part in ("query", "key", "value"):
            dense(f"{layer}attention.self.{part}", hidden, hidden)
        dense(f"{layer}attention.output.dense", hidden, hidden)
        norm(f"{layer}attention.output.LayerNorm")
        dense(f"{layer}intermediate.dense", wide, hidden)
        dense(f"{layer}output.dense", hidden, wide)
        norm(f"{layer}output.LayerNorm")
    rows = [[prefix + name, dtype, shape, centre, scale] for name, shape, centre, scale in out]
    return rows + [list(e) for e in extra]


# ---- files ----


def config(layers, hidden, heads, wide, positions, vocab, types=2, epsilon=1e-12, **more):
    return {"architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu",
            "num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads,
            "intermediate_size": wide, "max_position_embeddings": positions,
            "vocab_size": len(vocab), "type_vocab_size": types, "layer_norm_eps": epsilon,
            "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "pad_token_id": 0, **more}


def words_file(vocab, lower, limit=512):
    return {"vocab.txt": "\n".join(vocab) + "\n",
            "tokenizer_config.json": {"do_lower_case": lower, "tokenizer_class": "BertTokenizer",
                                      "model_max_length": limit}}


def tokenizer_file(vocab, lower, limit=512):
    t = BertWordPieceTokenizer({w: i for i, w in enumerate(vocab)}, lowercase=lower, strip_accents=None)
    return {"tokenizer.json": json.loads(t.to_str()),
            "tokenizer_config.json": {"do_lower_case": lower, "tokenizer_class": "BertTokenizer",
                                      "strip_accents": None, "model_max_length": limit}}


def modules(normalize=True):
    old = "sentence_transformers.models."
    names = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    return {"modules.json": [{"idx": i, "name": str(i), "path": path, "type": old + name}
                             for i, (path, name) in enumerate(names[: 3 if normalize else 2])]}


def older_pooling(hidden, cls):
    return {"1_Pooling/config.json": {
        "word_embedding_dimension": hidden, "pooling_mode_cls_token": cls,
        "pooling_mode_mean_tokens": not cls, "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False}}


def newer_pooling(hidden, mode):
    return {"1_Pooling/config.json": {"embedding_dimension": hidden, "pooling_mode": mode,
                                      "include_prompt": True}}


def limit(n):
    return {"sentence_bert_config.json": {"max_seq_length": n, "do_lower_case": False}}


# ---- the models ----


def models():
    c = config(12, 48, 4, 192, 128, LOWER, position_embedding_type="absolute")
    yield {"name": "deep", "config": c, "tensors": tensors(c), "max_tokens": 128, "pooling": "mean",
           "files": {**words_file(LOWER, True), **modules(), **limit(128), **older_pooling(48, False)}}

    c = config(3, 64, 4, 256, 128, CASED)
    yield {"name": "cls", "config": c, "tensors": tensors(c), "max_tokens": 100, "pooling": "cls",
           "files": {**tokenizer_file(CASED, False), **modules(normalize=False), **limit(100),
                     **older_pooling(64, True)}}

    c = config(3, 32, 2, 128, 96, LOWER, architectures=["BertForPreTraining"])
    extra = [["bert.embeddings.position_ids", "I64", [1, 96], 0, 0],
             ["bert.pooler.dense.weight", "F32", [32, 32], 0, 0.25],
             ["bert.pooler.dense.bias", "F32", [32], 0, 0.25],
             ["cls.predictions.bias", "F32", [len(LOWER)], 0, 0.25]]
    yield {"name": "older_names", "config": c, "max_tokens": 96, "pooling": "cls",
           "tensors": tensors(c, "bert.", gamma="gamma", beta="beta", extra=extra),
           "files": {**tokenizer_file(LOWER, True, 96), **modules(), **newer_pooling(32, "cls")}}

    c = config(2, 64, 4, 128, 64, LOWER, hidden_act="gelu_python", torch_dtype="float16")
    yield {"name": "f16", "config": c, "tensors": tensors(c, dtype="F16"), "max_tokens": 64, "pooling": "mean",
           "files": {**words_file(LOWER, True), **modules(), **limit(64), **older_pooling(64, False)}}

    c = config(2, 64, 4, 128, 64, LOWER, dtype="bfloat16")
    yield {"name": "bf16", "config": c, "tensors": tensors(c, dtype="BF16"), "max_tokens": 64, "pooling": "mean",
           "files": {**words_file(LOWER, True), **modules(), **limit(64), **older_pooling(64, False)}}

    c = config(2, 72, 9, 100, 64, LOWER, types=1, epsilon=1e-5)
    yield {"name": "odd", "config": c, "tensors": tensors(c), "max_tokens": 64, "pooling": "mean",
           "files": {**words_file(LOWER, True, 10**30), **modules(), **older_pooling(72, False)}}

    c = config(2, 128, 2, 160, 64, LOWER)
    yield {"name": "wide_heads", "config": c, "tensors": tensors(c), "max_tokens": 64, "pooling": "mean",
           "files": {**words_file(LOWER, True), **modules(), **limit(64), **older_pooling(128, False)}}

    c = config(2, 48, 4, 96, 80, LOWER)
    files = {**tokenizer_file(LOWER, True, 80), **modules(), **newer_pooling(48, "mean")}
    yield {"name": "prefixed", "config": c, "tensors": tensors(c), "max_tokens": 80, "pooling": "mean",
           "files": files, "query_prefix": "query: ", "document_prefix": "passage: "}

    prompts = {"query": "what is the query of ", "passage": "passage: "}
    config_st = {"prompts": prompts, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    yield {"name": "prompted", "config": c, "tensors": tensors(c), "max_tokens": 80, "pooling": "mean",
           "files": {**files, "config_sentence_transformers.json": config_st}, "prompts": prompts}

    c = config(2, 32, 4, 64, 512, LOWER)
    yield {"name": "lengthy", "config": c, "tensors": tensors(c), "max_tokens": 512, "pooling": "mean",
           "files": {**words_file(LOWER, True), **modules(), **limit(512), **older_pooling(32, False)},
           "texts": ALL}


def as_text(content):
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def write_folder(m, folder):
    for name, text in m["files"].items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    made = {t[0]: weights(m["seed"], i, *t[1:]) for i, t in enumerate(m["tensors"])}
    save_file(made, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    return made


# ---- the reference ----


def check_arrived(model, made):
    """That the reference computes with our weights and no others."""
    state = model[0].auto_model.state_dict()
    n = 0
    for name, value in made.items():
        plain = name.removeprefix("bert.").replace(".gamma", ".weight").replace(".beta", ".bias")
        if plain in state and value.dtype != torch.int64:
            assert torch.equal(state[plain], value.float()), name
            n += not plain.startswith("pooler")
    wanted = [k for k in state if not k.startswith("pooler") and state[k].is_floating_point()]
    assert n == len(wanted), (n, len(wanted))


def numbers(row):
    return [float("%.7g" % x) for x in row]


def encode(model, prefix, text, **how):
    return model.encode([text], prompt=prefix, batch_size=1, show_progress_bar=False, **how)[0]


def run(m):
    with tempfile.TemporaryDirectory() as folder:
        made = write_folder(m, folder)
        model = SentenceTransformer(folder, device="cpu", local_files_only=True).float().eval()
        check_arrived(model, made)
    assert model.max_seq_length == m["max_tokens"], model.max_seq_length
    prompts = m.pop("prompts", {})
    query = m.get("query_prefix", prompts.get("query", ""))
    document = m.get("document_prefix", prompts.get("passage", ""))
    if query:
        q = "what is the capital ratio?"
        assert not np.allclose(encode(model, query, q), encode(model, "", q))
    if prompts:
        assert np.array_equal(encode(model, query, "a"), model.encode_query(["a"], show_progress_bar=False)[0])
    m["texts"] = m.get("texts", SHORT)
    for side, prefix in (("queries", query), ("documents", document)):
        if side == "queries" or document != query:
            m[side] = [numbers(encode(model, prefix, TEXTS[i], normalize_embeddings=True)) for i in m["texts"]]
    rows = encode(model, document, TEXTS[TOKEN_TEXT], output_value="token_embeddings")
    m["tokens"] = [numbers(r) for r in rows]
    v = np.array(m["queries"])
    apart = (v @ v.T)[~np.eye(len(v), dtype=bool)].max()
    print(f"{m['name']:12} {model.max_seq_length:4} tokens at most, {len(rows)} of the token text, "
          f"{len(v)} texts, the closest two at {apart:.4f}")


def main():
    (out_path,) = sys.argv[1:]
    torch.set_num_threads(1)
    done = []
    for seed, m in enumerate(models(), 1):
        files = {"config.json": m.pop("config"), **m.pop("files")}
        m = {"name": m.pop("name"), "seed": seed, **m, "files": {k: as_text(v) for k, v in files.items()}}
        run(m)
        done.append(m)
    lines = []
    for m in done:
        parts = []
        for key, value in m.items():
            if key in ("tensors", "queries", "documents", "tokens"):
                rows = ",\n".join(json.dumps(r, separators=(",", ":")) for r in value)
                parts.append(f'"{key}":[\n{rows}]')
            else:
                parts.append(f'"{key}":{json.dumps(value, ensure_ascii=False, separators=(",", ":"))}')
        lines.append("{" + ",\n".join(parts) + "}")
    with open(out_path, "w", encoding="utf-8") as f:
        texts = json.dumps(TEXTS, ensure_ascii=False)
        f.write(f'{{"texts":{texts},\n"token_text":{TOKEN_TEXT},\n"models":[\n' + ",\n".join(lines) + "]}\n")


if __name__ == "__main__":
    main()
