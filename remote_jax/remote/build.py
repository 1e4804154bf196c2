"""Makes the model a config describes."""

from functools import partial
from pathlib import Path

import jax.numpy as jnp
from flax import nnx
from ml_collections import ConfigDict

from remote_jax.encoders import build
from remote_jax.errors import UserError
from remote_jax.remote.model.counterfactual import MECHANISMS
from remote_jax.remote.model.encoding import TextEncoding, VisualEncoding
from remote_jax.remote.model.mmoe import EXPERTS, MixtureOfExperts
from remote_jax.remote.model.mot import MultilevelTransport
from remote_jax.remote.model.remote import PairClassifier, Remote
from remote_jax.remote.model.together import RemoteTogether


def remote(config: ConfigDict, *, relations: int, vocabulary: int, rngs: nnx.Rngs) -> Remote:
    """REMOTE as `config` says.

    Args:
      relations: size of the relation vocabulary, no relation included.
      vocabulary: size of the tokenizer's vocabulary, markers included.

    Raises:
      UserError: a pretrained checkpoint does not fit, or an expert is unknown.
    """
    return assemble(config, relations, build.load(config, vocabulary, rngs), rngs)


def shapes(config: ConfigDict, folder: Path, *, relations: int, vocabulary: int) -> Remote:
    """The model of `remote` with shapes instead of values, for parameters of a checkpoint.

    Args:
      folder: filled by `encoders.build.save_settings`; no pretrained checkpoint is opened.
    """
    return build.shapes(config, vocabulary, folder, partial(assemble, config, relations))


def assemble(
    config: ConfigDict, relations: int, encoders: build.Encoders, rngs: nnx.Rngs
) -> Remote:
    """REMOTE around two encoders."""
    text_encoder, vision_encoder, statistics = encoders
    assert vision_encoder is not None
    dtype = jnp.dtype(config.compute_dtype)
    text_dim, vision_dim = text_encoder.config.dim, vision_encoder.config.dim
    text_blocks, vision_blocks = len(text_encoder.blocks), len(vision_encoder.blocks)
    mmoe = None
    if config.model.mmoe == "on":
        mmoe = MixtureOfExperts(
            text_dim,
            vision_dim,
            text_blocks + 1,
            vision_blocks + 1,
            experts=experts(config.model.experts),
            own_weight=config.model.own_weight,
            dtype=dtype,
            rngs=rngs,
        )
    made = RemoteTogether if config.model.pairs == "shared" else Remote
    return made(
        TextEncoding(text_encoder, fusion(config, text_blocks, text_dim, dtype, rngs)),
        VisualEncoding(
            vision_encoder,
            fusion(config, vision_blocks, vision_dim, dtype, rngs),
            **statistics,
            dtype=dtype,
            rngs=rngs,
        ),
        mmoe,
        PairClassifier(
            text_dim,
            vision_dim,
            relations,
            dropout=config.model.dropout,
            dtype=dtype,
            rngs=rngs,
        ),
    )


def experts(names: str) -> frozenset[str]:
    """The experts of Table 5 named in a comma-separated list."""
    chosen = frozenset(name.strip() for name in names.split(",") if name.strip())
    unknown = sorted(chosen - set(EXPERTS))
    if not chosen:
        raise UserError("model.experts is empty; without experts it is model.mmoe=off")
    if unknown:
        raise UserError(f"model.experts names {unknown[0]!r}; the experts are {', '.join(EXPERTS)}")
    return chosen


def mechanisms(config: ConfigDict) -> dict[str, str]:
    """Those of `counterfactual.MECHANISMS` that the model of a config has."""
    routes = config.model.mmoe == "on" and bool({"T2V", "V2T"} & experts(config.model.experts))
    here = {"transport": config.model.mot != "none", "router": routes, "experts": routes}
    return {name: instead for name, instead in MECHANISMS.items() if here[name]}


def fusion(
    config: ConfigDict, blocks: int, dim: int, dtype: jnp.dtype, rngs: nnx.Rngs
) -> MultilevelTransport:
    """The multilevel fusion of one encoder."""
    return MultilevelTransport(
        blocks,
        dim,
        fusion=config.model.mot,
        epsilon=config.model.epsilon,
        iterations=config.model.iterations,
        exact=config.model.exact,
        alpha=config.model.alpha,
        dtype=dtype,
        rngs=rngs,
    )
