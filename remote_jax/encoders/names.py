"""How published checkpoints call the parameters of our encoders, and how they lay them out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Location = tuple[Any, ...]  # of a parameter in one of our modules: names and numbers


@dataclass(frozen=True)
class Names:
    """Names and layout of one architecture, in PyTorch's spelling.

    Args:
      anchor: a parameter that no other part of a larger model has.
      top: our modules and parameters outside the blocks, to theirs.
      block: our modules in a block, to theirs; `blocks` stands before the number of the block.
      leading: how many axes of length one they put before those of a parameter.
    """

    anchor: str
    top: Mapping[str, str]
    block: Mapping[str, str]
    blocks: str
    leading: Mapping[str, int]

    def name(self, where: Location) -> str:
        """Their name of our parameter."""
        if len(where) == 1:
            return self.top[where[0]]
        leaf = "bias" if where[-1] == "bias" else "weight"
        if where[0] != "blocks":
            return f"{self.top[where[0]]}.{leaf}"
        module = self.block[".".join(map(str, where[2:-1]))]
        return f"{self.blocks}.{where[1]}.{module}.{leaf}"

    def shape(self, where: Location, ours: tuple[int, ...], flax: bool) -> tuple[int, ...]:
        """Their shape of our parameter."""
        if where[-1] == "kernel" and not flax:
            return tuple(ours[axis] for axis in TO_TORCH[len(ours)])
        return (1,) * self.leading.get(where[0], 0) + ours

    def convert(
        self, where: Location, theirs: np.ndarray, ours: tuple[int, ...], flax: bool
    ) -> np.ndarray:
        """Their values of our parameter, in our layout."""
        if where[-1] == "kernel" and not flax:
            return theirs.transpose(FROM_TORCH[len(ours)])
        return theirs.reshape(ours)

    def revert(self, where: Location, ours: np.ndarray) -> np.ndarray:
        """The inverse of `convert`: our values in PyTorch's layout."""
        if where[-1] == "kernel":
            return ours.transpose(TO_TORCH[ours.ndim])
        return ours.reshape(self.shape(where, ours.shape, flax=False))


# Axes of a kernel, linear or convolutional: ours and Flax's have the outputs last, PyTorch's first.
TO_TORCH = {2: (1, 0), 4: (3, 2, 0, 1)}
FROM_TORCH = {2: (1, 0), 4: (2, 3, 1, 0)}

BERT = Names(
    anchor="embeddings.word_embeddings.weight",
    top={
        "words": "embeddings.word_embeddings",
        "positions": "embeddings.position_embeddings",
        "types": "embeddings.token_type_embeddings",
        "norm": "embeddings.LayerNorm",
    },
    block={
        "attention.query": "attention.self.query",
        "attention.key": "attention.self.key",
        "attention.value": "attention.self.value",
        "attention.out": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "mlp.up": "intermediate.dense",
        "mlp.down": "output.dense",
        "mlp_norm": "output.LayerNorm",
    },
    blocks="encoder.layer",
    leading={},
)
VIT = Names(
    anchor="embeddings.cls_token",
    top={
        "cls": "embeddings.cls_token",
        "positions": "embeddings.position_embeddings",
        "kernel": "embeddings.patch_embeddings.projection.weight",
        "bias": "embeddings.patch_embeddings.projection.bias",
        "norm": "layernorm",
    },
    block={
        "attention.query": "attention.attention.query",
        "attention.key": "attention.attention.key",
        "attention.value": "attention.attention.value",
        "attention.out": "attention.output.dense",
        "attention_norm": "layernorm_before",
        "mlp.up": "intermediate.dense",
        "mlp.down": "output.dense",
        "mlp_norm": "layernorm_after",
    },
    blocks="encoder.layer",
    leading={"cls": 2, "positions": 1},
)
CLIP = Names(
    anchor="embeddings.class_embedding",
    top={
        "cls": "embeddings.class_embedding",
        "positions": "embeddings.position_embedding.weight",
        "kernel": "embeddings.patch_embedding.weight",
        "pre_norm": "pre_layrnorm",
        "norm": "post_layernorm",
    },
    block={
        "attention.query": "self_attn.q_proj",
        "attention.key": "self_attn.k_proj",
        "attention.value": "self_attn.v_proj",
        "attention.out": "self_attn.out_proj",
        "attention_norm": "layer_norm1",
        "mlp.up": "mlp.fc1",
        "mlp.down": "mlp.fc2",
        "mlp_norm": "layer_norm2",
    },
    blocks="encoder.layers",
    leading={},
)
