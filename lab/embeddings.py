"""Embeddings: a tiny nomic-bert model with random weights that the real llama-server loads."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import gguf
import numpy as np

DIMENSION = 768
"""As the large one's: whoever stores its vectors has chosen a column of this width."""
CONTEXT_TOKENS = 2048
HEADS = 12
FEED_FORWARD = 64
LAYERS = 1
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write(path: Path, name: str, seed: int) -> None:
    """Write the model to ``path``; another ``seed`` gives other vectors."""
    characters = string.ascii_lowercase + string.digits + string.punctuation
    # In GGUF a word's first piece begins with U+2581, further pieces stand as they are.
    tokens = [*SPECIALS, *(f"\u2581{character}" for character in characters), *characters]
    writer = gguf.GGUFWriter(str(path), "nomic-bert")
    _describe(writer, name, tokens)
    _weigh(writer, len(tokens), np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter, name: str, tokens: list[str]) -> None:
    writer.add_name(name)
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(DIMENSION)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_rope_freq_base(1000.0)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token.encode() for token in tokens])
    kinds = gguf.TokenType
    writer.add_token_types(
        [int(kinds.CONTROL if token in SPECIALS else kinds.NORMAL) for token in tokens]
    )
    writer.add_token_type_count(2)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_sep_token_id(3)
    writer.add_mask_token_id(4)


def _weigh(writer: gguf.GGUFWriter, tokens: int, rng: np.random.Generator) -> None:
    def random(rows: int, columns: int, scale: float = 0.05) -> Any:
        return rng.standard_normal((rows, columns), np.float32) * np.float32(scale)

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(DIMENSION, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(DIMENSION, np.float32))

    writer.add_tensor("token_embd.weight", random(tokens, DIMENSION, 1.0))
    writer.add_tensor("token_types.weight", random(2, DIMENSION))
    norm("token_embd_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for name, rows, columns in (
            ("attn_qkv", 3 * DIMENSION, DIMENSION),
            ("attn_output", DIMENSION, DIMENSION),
            ("ffn_up", FEED_FORWARD, DIMENSION),
            ("ffn_gate", FEED_FORWARD, DIMENSION),
            ("ffn_down", DIMENSION, FEED_FORWARD),
        ):
            writer.add_tensor(f"{block}.{name}.weight", random(rows, columns))
        norm(f"{block}.attn_output_norm")
        norm(f"{block}.layer_output_norm")
