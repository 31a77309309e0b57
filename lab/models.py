"""Models: tiny GGUF files with random weights that the real llama-server loads and answers from."""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

BYTES = 256
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = ("▁", "▁the", "▁a", "▁and", "▁lab", "▁gpu", "▁is", "th", "er", "in")


@dataclass(frozen=True)
class Shape:
    """Sizes of a tiny llama: the same proportions as a large one, in megabytes."""

    embedding: int = 128
    heads: int = 4
    kv_heads: int = 2
    layers: int = 2
    feed_forward: int = 256
    context_tokens: int = 4096


@dataclass(frozen=True)
class Token:
    """One entry of the vocabulary; only an ``emitted`` one is ever generated."""

    text: str
    kind: gguf.TokenType
    emitted: bool = False


def write_chat(path: Path, name: str, seed: int, shape: Shape = Shape()) -> None:
    """Write a chat model to ``path``; another ``seed`` gives another file of the same size.

    It answers printable text and never ends by itself: always exactly as many tokens as asked for.
    """
    vocabulary = _vocabulary()
    writer = gguf.GGUFWriter(str(path), "llama")
    _describe(writer, name, shape, vocabulary)
    _tokenize(writer, vocabulary)
    _weigh(writer, shape, vocabulary, np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _vocabulary() -> list[Token]:
    kinds = gguf.TokenType
    printable = string.ascii_letters + string.digits + ".,!?;:'\"()-"
    return [
        Token("<unk>", kinds.UNKNOWN),
        Token("<s>", kinds.CONTROL),
        Token("</s>", kinds.CONTROL),
        *(Token(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(BYTES)),
        *(Token(text, kinds.NORMAL, emitted=True) for text in (*printable, *WORDS)),
        Token("<|im_start|>", kinds.CONTROL),
        Token("<|im_end|>", kinds.CONTROL),
    ]


def _describe(writer: gguf.GGUFWriter, name: str, shape: Shape, vocabulary: list[Token]) -> None:
    writer.add_name(name)
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.embedding)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.embedding // shape.heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(vocabulary))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _tokenize(writer: gguf.GGUFWriter, vocabulary: list[Token]) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token.text.encode() for token in vocabulary])
    # Of two ways to split a text the one with the higher sum of scores wins.
    scores = [-float(index) if token.emitted else 0.0 for index, token in enumerate(vocabulary)]
    writer.add_token_scores(scores)
    writer.add_token_types([int(token.kind) for token in vocabulary])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_eot_token_id(len(vocabulary) - 1)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    # llama.cpp holds the end of the prompt against a JSON schema too; a space before would not fit.
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _weigh(
    writer: gguf.GGUFWriter, shape: Shape, vocabulary: list[Token], rng: np.random.Generator
) -> None:
    """Random weights, but hidden dimension 0 is a constant that no layer writes to.

    The output gives every token that must not be generated a large negative weight on it.
    """

    def random(rows: int, columns: int, scale: float = 0.08) -> Any:
        return (rng.standard_normal((rows, columns)) * scale).astype(np.float32)

    def without_constant(rows: int, columns: int) -> Any:
        matrix = random(rows, columns)
        matrix[0, :] = 0
        return matrix

    width, inner = shape.embedding, shape.feed_forward
    kv_width = width * shape.kv_heads // shape.heads
    ones = np.ones(width, np.float32)
    embedding = random(len(vocabulary), width, scale=1.0)
    embedding[:, 0] = 8.0
    output = random(len(vocabulary), width, scale=0.25)
    output[:, 0] = [0.0 if token.emitted else -40.0 for token in vocabulary]

    writer.add_tensor("token_embd.weight", embedding)
    for layer in range(shape.layers):
        for tensor, matrix in {
            "attn_norm": ones,
            "attn_q": random(width, width),
            "attn_k": random(kv_width, width),
            "attn_v": random(kv_width, width),
            "attn_output": without_constant(width, width),
            "ffn_norm": ones,
            "ffn_gate": random(inner, width),
            "ffn_up": random(inner, width),
            "ffn_down": without_constant(width, inner),
        }.items():
            writer.add_tensor(f"blk.{layer}.{tensor}.weight", matrix)
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output)
