"""BERT, ViT and CLIP's vision tower with the weights of a published checkpoint.

A checkpoint is a folder, or the name of a repository on the Hugging Face hub, with `config.json`
and `model.safetensors` (or its shards) or `flax_model.msgpack`. Names and layouts of both PyTorch
and Flax are understood, below whatever prefix a larger model puts before them.
"""

import json
import reprlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Float

from remote_jax.encoders import configs, weights
from remote_jax.encoders import folder as files
from remote_jax.encoders.bert import Bert, BertConfig
from remote_jax.encoders.configs import bert_config, vit_config
from remote_jax.encoders.names import BERT, CLIP, VIT, Location, Names
from remote_jax.encoders.vit import ViT, ViTConfig, depth_kernel
from remote_jax.errors import UserError

M = TypeVar("M", bound=nnx.Module)
NOISE = 0.02  # the deviation that BERT's embeddings start with


def load_bert(
    name: str | Path,
    *,
    vocab_size: int | None = None,
    dropout: float | None = None,
    dtype: DTypeLike = jnp.float32,
    rngs: nnx.Rngs,
) -> Bert:
    """A pretrained BERT.

    Args:
      name: folder or hub name.
      vocab_size: rows the word embeddings must have at least, added markers included. New rows are
        the mean of the others, and a little noise so that they differ.
      dropout: of layers and of attention alike, in place of both rates of the checkpoint.
      dtype: compute dtype; parameters are float32.
      rngs: draws the noise of new rows.

    Raises:
      UserError: there is no checkpoint, it is malformed, or it does not fit its config.json; then
        the message has the name and both shapes of the first parameter that differs.
    """
    folder = find_weights(name)
    config = bert_shape(folder, dropout=dropout)
    arrays = read(folder, BERT, abstract_bert(config, dtype), config.layers)
    config = with_rows(config, vocab_size)
    words: Location = ("words", "embedding")
    arrays[words] = extend(arrays[words], config.vocab_size, rngs)
    return fill(abstract_bert(config, dtype), arrays)


def load_vit(
    name: str | Path,
    *,
    dropout: float | None = None,
    dtype: DTypeLike = jnp.float32,
) -> ViT:
    """A pretrained ViT, or the vision tower of a pretrained CLIP.

    The depth kernel starts as the channel mean of the pretrained RGB kernel. Arguments and errors
    are those of `load_bert`.
    """
    folder = find_weights(name)
    config = vit_shape(folder, dropout=dropout)
    model = abstract_vit(config, dtype)
    arrays = read(folder, CLIP if config.pre_norm else VIT, model, config.layers)
    arrays["depth_kernel",] = np.asarray(depth_kernel(jnp.asarray(arrays["kernel",])))
    return fill(model, arrays)


def bert_shape(
    folder: Path,
    *,
    vocab_size: int | None = None,
    dropout: float | None = None,
) -> BertConfig:
    """What `load_bert` makes of a checkpoint, from its config.json alone."""
    config = replace(bert_config(folder), **given(dropout))
    return with_rows(config, vocab_size)


def vit_shape(folder: Path, *, dropout: float | None = None) -> ViTConfig:
    """What `load_vit` makes of a checkpoint, from its config.json alone."""
    return replace(vit_config(folder), **given(dropout))


def copy_settings(name: str | Path, folder: Path) -> None:
    """Copies the JSON files of a checkpoint, without its weights, into `folder`.

    They say all that is needed to build the encoder for parameters of one's own. Errors are those
    of `load_bert`.
    """
    found = files.find(name, configs.FILES)
    folder.mkdir(parents=True, exist_ok=True)
    for file in configs.FILES:
        (folder / file).unlink(missing_ok=True)
        if (found / file).is_file():
            content = json.dumps(files.read_settings(found / file), indent=1)
            (folder / file).write_text(content + "\n", encoding="utf-8")


def image_statistics(name: str | Path) -> Mapping[str, tuple[float, ...]]:
    """Keys `mean` and `std` of the RGB channels, in [0, 1], that a vision encoder expects.

    They stand in preprocessor_config.json; without one they are those of the architecture. An empty
    `name` is a ViT that has no checkpoint.
    """
    if not name:
        return STATISTICS["vit"]
    folder = files.find(name, configs.FILES)
    default = STATISTICS["clip" if vit_config(folder).pre_norm else "vit"]
    file = folder / "preprocessor_config.json"
    content = files.read_settings(file) if file.is_file() else {}
    return {
        key: statistic(file, f"image_{key}", content.get(f"image_{key}"), values)
        for key, values in default.items()
    }


STATISTICS = {
    "vit": {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
    "clip": {
        "mean": (0.48145466, 0.4578275, 0.40821073),
        "std": (0.26862954, 0.26130258, 0.27577711),
    },
}


def statistic(file: Path, key: str, found: object, default: tuple[float, ...]) -> tuple[float, ...]:
    """Three numbers above zero and not above one, as the statistics of pixels in [0, 1] are."""
    if found is None:
        return default
    if (
        not isinstance(found, list)
        or len(found) != 3
        or not all(type(x) in (int, float) and 0 <= x <= 1 for x in found)
        or (key == "image_std" and 0 in found)
    ):
        raise UserError(
            f"{file}: {key} is {reprlib.repr(found)}, expected three numbers from 0 to 1"
        )
    return tuple(float(x) for x in found)


def find_weights(name: str | Path) -> Path:
    """The folder of a checkpoint; of the hub's files the msgpack only where it is the only one."""
    folder = files.find(name, [*configs.FILES, *weights.SAFETENSORS])
    if weights.exist(folder) or Path(name).is_dir():
        return folder
    return files.find(name, [*configs.FILES, weights.PACKED])


def with_rows(config: BertConfig, vocab_size: int | None) -> BertConfig:
    """`config` with at least `vocab_size` rows of word embeddings."""
    return replace(config, vocab_size=max(vocab_size or 0, config.vocab_size))


def given(dropout: float | None) -> dict[str, Any]:
    """The dropout rates that replace those of a checkpoint: none, or both of them."""
    return {} if dropout is None else {"dropout": dropout, "attention_dropout": dropout}


def abstract_bert(config: BertConfig, dtype: DTypeLike) -> Bert:
    """A BERT whose parameters have shapes and no values."""
    return nnx.eval_shape(lambda: Bert(config, dtype=dtype, rngs=nnx.Rngs(0)))


def abstract_vit(config: ViTConfig, dtype: DTypeLike) -> ViT:
    """A ViT whose parameters have shapes and no values."""
    return nnx.eval_shape(lambda: ViT(config, dtype=dtype, rngs=nnx.Rngs(0)))


def read(folder: Path, names: Names, model: nnx.Module, layers: int) -> dict[Location, np.ndarray]:
    """The parameters of `model` from the checkpoint in `folder`, in our layout."""
    found = weights.load(folder)
    prefix = find_prefix(found, names)
    state = [(where, tuple(value.shape)) for where, value in nnx.to_flat_state(nnx.state(model))]
    state.sort(key=lambda item: item[0][0] == "blocks")
    arrays = {}
    for where, ours in state:
        if where == ("depth_kernel",):
            continue
        name = prefix + names.name(where)
        tensor = found.tensors.get(name)
        expected = names.shape(where, ours, flax=tensor is not None and tensor.flax)
        if tensor is None:
            raise UserError(
                f"{found.file}: {name} is missing; {folder / 'config.json'} makes it {expected}"
            )
        if tensor.shape != expected:
            raise UserError(
                f"{tensor.file}: {tensor.name} has shape {tensor.shape}; "
                f"{folder / 'config.json'} makes it {expected}"
            )
        arrays[where] = names.convert(where, tensor.read(), ours, tensor.flax)
    refuse_more_blocks(found, f"{prefix}{names.blocks}.", layers, folder)
    return arrays


def find_prefix(found: weights.Weights, names: Names) -> str:
    """What stands before the names of this architecture's parameters."""
    prefixes = [
        name.removesuffix(names.anchor)
        for name in found.tensors
        if name == names.anchor or name.endswith("." + names.anchor)
    ]
    if len(prefixes) > 1:
        raise UserError(
            f"{found.file} holds {len(prefixes)} encoders with {names.anchor}, "
            f"under {' and '.join(map(repr, sorted(prefixes)))}; expected one"
        )
    return prefixes[0] if prefixes else ""


def refuse_more_blocks(found: weights.Weights, blocks: str, layers: int, folder: Path) -> None:
    """Raises UserError if the checkpoint has blocks that config.json knows nothing of."""
    for name, tensor in found.tensors.items():
        number = name.removeprefix(blocks).split(".")[0]
        if name.startswith(blocks) and not (number.isdecimal() and int(number) < layers):
            raise UserError(
                f"{tensor.file}: {tensor.name} has shape {tensor.shape}; "
                f"{folder / 'config.json'} has no such parameter, num_hidden_layers is {layers}"
            )


def extend(
    table: Float[np.ndarray, "v d"], rows: int, rngs: nnx.Rngs
) -> Float[np.ndarray, "rows d"]:
    """`table` with rows added below: the mean row and a little noise."""
    new = rows - len(table)
    if not new:
        return table
    noise = NOISE * jax.random.normal(rngs.params(), (new, table.shape[1]))
    return np.concatenate([table, table.mean(0) + np.asarray(noise)])


def fill(model: M, arrays: Mapping[Location, np.ndarray]) -> M:
    """`model` with the values of `arrays` as its parameters."""
    graph, state = nnx.split(model)
    filled = [
        (where, variable.replace(jnp.asarray(arrays[where])))
        for where, variable in nnx.to_flat_state(state)
    ]
    return nnx.merge(graph, nnx.from_flat_state(filled))
