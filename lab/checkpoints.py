"""Checkpoints: tiny models with random weights in the hub's own format, as vLLM loads them.

Their configuration names the quantization of the large ones, but exempts every layer from it:
the weights are BF16, which each platform of vLLM computes with.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lab.models import CHAT_TEMPLATE

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """What tells one tiny model from another: its family, its words, and its quantization."""

    family: str
    specials: tuple[str, ...]
    end: str
    quantization: dict[str, Any]
    biased: bool = False
    hidden: int = 256
    heads: int = 4
    kv_heads: int = 2
    layers: int = 2
    feed_forward: int = 512
    further: tuple[str, ...] = field(default=())

    @property
    def head_dimension(self) -> int:
        return self.hidden // self.heads


LLAMA = Checkpoint(
    family="llama",
    specials=(
        *("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
        *("<|eot_id|>", "<|im_start|>", "<|im_end|>"),
    ),
    end="<|eot_id|>",
    quantization={
        "quant_method": "compressed-tensors",
        "format": "float-quantized",
        "quantization_status": "frozen",
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": {"num_bits": 8, "type": "float", "strategy": "tensor"},
                "input_activations": {"num_bits": 8, "type": "float", "strategy": "tensor"},
            }
        },
        "ignore": ["lm_head", r"re:model\.layers\..*"],
    },
    # Large enough that the hub's client writes each shard in more than one piece (10 MiB).
    hidden=512,
    layers=4,
    feed_forward=2048,
    further=("special_tokens_map.json",),
)
QWEN = Checkpoint(
    family="qwen2",
    specials=("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    end="<|im_end|>",
    quantization={
        "quant_method": "awq",
        "version": "gemm",
        "bits": 4,
        "group_size": 128,
        "zero_point": True,
        "modules_to_not_convert": ["model.layers"],
    },
    biased=True,
    further=("vocab.json", "merges.txt"),
)


def files(shape: Checkpoint, seed: int, context_tokens: int) -> dict[str, bytes]:
    """Every file of such a model by its path; another ``seed`` gives other weights."""
    vocabulary = _vocabulary(shape)
    tensors = _weights(shape, vocabulary, np.random.default_rng(seed))
    names = sorted(tensors)
    half = _half_of(tensors, names)
    shards = dict(zip(SHARDS, (names[:half], names[half:]), strict=True))
    index = {
        "metadata": {"total_size": sum(tensor.nbytes for tensor in tensors.values())},
        "weight_map": {name: shard for shard, held in shards.items() for name in held},
    }
    end = vocabulary[shape.end]
    made = {
        "config.json": _config(shape, vocabulary, context_tokens),
        "generation_config.json": {"eos_token_id": end, "do_sample": True},
        "tokenizer.json": _tokenizer(shape, vocabulary),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": shape.end,
            "model_max_length": context_tokens,
            "chat_template": CHAT_TEMPLATE,
        },
        "model.safetensors.index.json": index,
        "special_tokens_map.json": {"eos_token": shape.end},
        "vocab.json": {text: number for text, number in vocabulary.items() if number < 256},
    }
    texts = {path: json.dumps(value, indent=2).encode() for path, value in made.items()}
    texts["merges.txt"] = b"#version: 0.2\n"
    optional = {"special_tokens_map.json", "vocab.json", "merges.txt"} - set(shape.further)
    return {
        **{path: text for path, text in texts.items() if path not in optional},
        **{
            shard: _safetensors({name: tensors[name] for name in held})
            for shard, held in shards.items()
        },
    }


def _half_of(tensors: dict[str, Any], names: list[str]) -> int:
    """How many of them, from the first on, hold half of the bytes."""
    sums = np.cumsum([tensors[name].nbytes for name in names])
    return int(np.searchsorted(sums, sums[-1] / 2)) + 1


def _vocabulary(shape: Checkpoint) -> dict[str, int]:
    """The 256 bytes as GPT-2 writes them, then the special words."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in visible]
    characters = [chr(byte) for byte in visible] + [chr(256 + n) for n in range(len(others))]
    words = [*sorted(characters), *shape.specials]
    return {word: number for number, word in enumerate(words)}


def _config(
    shape: Checkpoint, vocabulary: dict[str, int], context_tokens: int
) -> dict[str, object]:
    return {
        "architectures": [f"{shape.family.capitalize()}ForCausalLM"],
        "model_type": shape.family,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dimension,
        "vocab_size": len(vocabulary),
        "max_position_embeddings": context_tokens,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": vocabulary[shape.specials[0]],
        "eos_token_id": vocabulary[shape.end],
        "torch_dtype": "bfloat16",
        "quantization_config": shape.quantization,
    }


def _tokenizer(shape: Checkpoint, vocabulary: dict[str, int]) -> dict[str, object]:
    bytes_as_text = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": vocabulary[word], "content": word, **flags, "special": True}
            for word in shape.specials
        ],
        "normalizer": None,
        "pre_tokenizer": {**bytes_as_text, "add_prefix_space": False},
        "post_processor": None,
        "decoder": {**bytes_as_text, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {word: number for word, number in vocabulary.items() if number < 256},
            "merges": [],
        },
    }


def _weights(
    shape: Checkpoint, vocabulary: dict[str, int], rng: np.random.Generator
) -> dict[str, Any]:
    """Random weights; as in the GGUF models, dimension 0 lets only printable text out."""
    width, inner, kv_width = shape.hidden, shape.feed_forward, shape.kv_heads * shape.head_dimension

    def random(rows: int, columns: int, scale: float = 0.05) -> Any:
        return rng.standard_normal((rows, columns), np.float32) * np.float32(scale)

    def without_constant(rows: int, columns: int) -> Any:
        matrix = random(rows, columns)
        matrix[0, :] = 0
        return matrix

    printable = {*string.ascii_letters, *string.digits, *".,!?", "\u0120"}
    embedding, output = random(len(vocabulary), width, 1.0), random(len(vocabulary), width, 0.25)
    embedding[:, 0] = 8
    output[:, 0] = [0 if word in printable else -40 for word in vocabulary]
    ones = np.ones(width, np.float32)
    tensors = {
        "model.embed_tokens.weight": embedding,
        "lm_head.weight": output,
        "model.norm.weight": ones,
    }
    for layer in range(shape.layers):
        held = {
            "input_layernorm.weight": ones,
            "post_attention_layernorm.weight": ones,
            "self_attn.q_proj.weight": random(width, width),
            "self_attn.k_proj.weight": random(kv_width, width),
            "self_attn.v_proj.weight": random(kv_width, width),
            "self_attn.o_proj.weight": without_constant(width, width),
            "mlp.gate_proj.weight": random(inner, width),
            "mlp.up_proj.weight": random(inner, width),
            "mlp.down_proj.weight": without_constant(width, inner),
        }
        if shape.biased:
            sizes = {"q_proj": width, "k_proj": kv_width, "v_proj": kv_width}
            held |= {
                f"self_attn.{name}.bias": np.zeros(size, np.float32) for name, size in sizes.items()
            }
        tensors |= {f"model.layers.{layer}.{name}": tensor for name, tensor in held.items()}
    return {name: _bfloat16(tensor) for name, tensor in tensors.items()}


def _bfloat16(tensor: Any) -> Any:
    """The upper half of each float32, as unsigned integers."""
    return (np.ascontiguousarray(tensor, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def _safetensors(tensors: dict[str, Any]) -> bytes:
    """The file format: length of a JSON header (8 bytes), the header, the tensors' bytes."""
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        head[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(tensor.tobytes() for tensor in tensors.values())
    return len(text).to_bytes(8, "little") + text + data
