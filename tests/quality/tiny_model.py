"""A random encoder of a few thousand weights, so that tests spend their time on storage.

write(folder) makes a model folder as `ragd --model` wants it: 2 layers, 32 wide, 64 positions, a
vocabulary of single letters and digits. Another seed is another model of the same shape.
"""
import json
import os
import random
import string
import struct

HIDDEN, HEADS, WIDE, LAYERS, POSITIONS = 32, 4, 64, 2, 64
LETTERS = string.ascii_lowercase + string.digits
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *("##" + c for c in LETTERS)]


def shapes():
    yield "embeddings.word_embeddings.weight", [len(VOCABULARY), HIDDEN]
    yield "embeddings.position_embeddings.weight", [POSITIONS, HIDDEN]
    yield "embeddings.token_type_embeddings.weight", [2, HIDDEN]
    parts = [("embeddings.LayerNorm", [HIDDEN])]
    for i in range(LAYERS):
        layer = "encoder.layer.%d." % i
        parts += [(layer + "attention.self." + x, [HIDDEN, HIDDEN]) for x in ("query", "key", "value")]
        parts += [(layer + "attention.output.dense", [HIDDEN, HIDDEN]),
                  (layer + "intermediate.dense", [WIDE, HIDDEN]),
                  (layer + "output.dense", [HIDDEN, WIDE]),
                  (layer + "attention.output.LayerNorm", [HIDDEN]),
                  (layer + "output.LayerNorm", [HIDDEN])]
    for name, shape in parts:
        yield name + ".weight", shape
        yield name + ".bias", shape[:1]


def write(folder, seed=7):
    chance, header, data = random.Random(seed), {}, b""
    for name, shape in shapes():
        n = shape[0] * (shape[1] if len(shape) > 1 else 1)
        near = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        part = struct.pack("<%df" % n, *(near + chance.uniform(-0.5, 0.5) for _ in range(n)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + data)
    with open(os.path.join(folder, "vocab.txt"), "w", encoding="ascii") as f:
        f.write("\n".join(VOCABULARY) + "\n")
    with open(os.path.join(folder, "config.json"), "w", encoding="ascii") as f:
        json.dump({"model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN,
                   "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
                   "intermediate_size": WIDE, "vocab_size": len(VOCABULARY),
                   "max_position_embeddings": POSITIONS, "type_vocab_size": 2,
                   "layer_norm_eps": 1e-12}, f)
    return folder
