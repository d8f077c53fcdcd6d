"""llama2.c's stories260K -> a Hugging Face folder: the model that llama.cpp's server tests ask nearly everything of.

    python tests/real/llama_server_shim/tinyllama.py stories260K.bin tok512.bin FOLDER

Karpathy's checkpoint (MIT) is seven whole numbers, then float32 matrices, then tables of a rotation that is known.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from huozhong.formats.gguf.sentencepiece import merges_of, model_json

HEAD = ("dim", "hidden", "layers", "heads", "kv_heads", "vocab", "context")


def main() -> None:
    weights, vocabulary, folder = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    raw = weights.read_bytes()
    head = dict(zip(HEAD, struct.unpack("7i", raw[:28]), strict=True))
    save_file(tensors(np.frombuffer(raw, np.float32, offset=28), head), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config(head)))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(vocabulary.read_bytes(), head["vocab"])))
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    # llama.cpp writes chats of a model that brings no template like this.
    (folder / "tokenizer_config.json").write_text(json.dumps(names | {"chat_template": CHATML}))


CHATML = (
    "{{ bos_token }}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def tensors(numbers: np.ndarray, head: dict[str, int]) -> dict[str, np.ndarray]:
    """Under Hugging Face's names; rows of queries and keys go from pairs to halves, as its rotation wants them."""
    dim, hidden, layers = head["dim"], head["hidden"], head["layers"]
    size = dim // head["heads"]
    kv = size * head["kv_heads"]
    shapes = [
        ("model.embed_tokens", (head["vocab"], dim)), ("input_layernorm", (layers, dim)),
        ("self_attn.q_proj", (layers, dim, dim)), ("self_attn.k_proj", (layers, kv, dim)),
        ("self_attn.v_proj", (layers, kv, dim)), ("self_attn.o_proj", (layers, dim, dim)),
        ("post_attention_layernorm", (layers, dim)), ("mlp.gate_proj", (layers, hidden, dim)),
        ("mlp.down_proj", (layers, dim, hidden)), ("mlp.up_proj", (layers, hidden, dim)), ("model.norm", (dim,)),
    ]  # fmt: skip
    found, at = {}, 0
    for name, shape in shapes:
        values = numbers[at : at + int(np.prod(shape))].reshape(shape)
        at += values.size
        if name.startswith("model."):
            found[f"{name}.weight"] = values.copy()
            continue
        for layer, part in enumerate(values):
            if name in ("self_attn.q_proj", "self_attn.k_proj"):
                part = part.reshape(-1, size // 2, 2, dim).swapaxes(1, 2).reshape(part.shape)
            found[f"model.layers.{layer}.{name}.weight"] = part.copy()
    return found


def config(head: dict[str, int]) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": head["dim"],
        "intermediate_size": head["hidden"],
        "num_hidden_layers": head["layers"],
        "num_attention_heads": head["heads"],
        "num_key_value_heads": head["kv_heads"],
        "vocab_size": abs(head["vocab"]),
        "max_position_embeddings": 8192,  # it learnt 512; the tests ask for more
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "float32",
    }


def tokenizer(raw: bytes, size: int) -> dict[str, Any]:
    """A tokenizer.json of SentencePiece's kind, out of llama2.c's list of scores and texts."""
    tokens: list[str] = []
    scores: dict[str, float] = {}
    at = 4
    for index in range(size):
        score, length = struct.unpack_from("fi", raw, at)
        text = raw[at + 8 : at + 8 + length].decode("utf-8")
        at += 8 + length
        if index < 259:
            tokens.append(("<unk>", "<s>", "</s>")[index] if index < 3 else f"<0x{index - 3:02X}>")
        else:
            tokens.append(text.replace(" ", "▁"))
            scores[tokens[-1]] = score
    vocab = {token: id for id, token in enumerate(tokens)}
    added = [
        {"id": i, "content": tokens[i], "special": True, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False}
        for i in range(3)
    ]  # fmt: skip
    form = model_json(vocab, merges_of(scores, vocab), unknown="<unk>", prefix=True, lines=False)
    return {"version": "1.0", "truncation": None, "padding": None, "post_processor": None, "added_tokens": added} | form


if __name__ == "__main__":
    main()
