"""Runs the model in this folder; jax and numpy are all that it needs.

    from load import load
    model = load(".")
    answers = model(**features)      # arrays by name, as interface.json says, the batch in front

Files are believed in nothing: each length is checked before it is used, no Python object is read
from one (no pickle), and a mistake is a ValueError whose message is a sentence. A program that
calls what is not of StableHLO itself, as functions of this process, is refused unread; the others
compute, but run inside of jax, and as long as they like: take them from people you trust.
"""

import dataclasses
import json
import math
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

DTYPES = {"F32": "float32"}  # safetensors' names; every parameter is of float32
MAX_JSON = 2**26  # bytes of interface.json, and of the header of the parameters
MAX_DIMENSIONS = 8
# What programs may call by name: checks of the batch's size, and the error function, which some
# versions of jax write so. XLA has both.
CALLS = ("shape_assertion", "mhlo.erf")
FORBIDDEN = re.compile(
    rf"custom_call(?! @(?:{'|'.join(map(re.escape, CALLS))})\() ?(\S{{0,60}})"
    r"|stablehlo\.(infeed|outfeed|send|recv)\b"
)


def load(folder="."):
    """The model of an exported folder.

    Returns:
        A `Model`, to be called with features.

    Raises:
        ValueError: a file is missing, damaged, or of another export.
    """
    folder = Path(folder)
    facts = _interface(folder / "interface.json")
    params = {name: jnp.asarray(x) for name, x in parameters(folder / "model.safetensors").items()}
    _check_same(folder / "model.safetensors", params, facts["parameters"])
    shared = {}
    if facts["shared"]:
        run = _program(folder, facts, "shared", [facts["parameters"]], facts["shared"])
        shared = run(params)
    arguments = [facts["parameters"], facts["shared"], facts["inputs"]]
    run = _program(folder, facts, "predict", arguments, facts["outputs"])
    return Model(facts["inputs"], facts["outputs"], lambda batch: run(params, shared, batch))


class Model:
    """Called with features by name, gives answers by name.

    Attributes:
        inputs, outputs: their `name`, `dtype`, `shape` and `about`, as in interface.json.
    """

    def __init__(self, inputs, outputs, run):
        self.inputs, self.outputs, self._run = inputs, outputs, run

    def __call__(self, **features):
        """Answers of a batch, as NumPy arrays; each size of batch is compiled once.

        Raises:
            ValueError: an array is missing, unknown, or of another shape or type.
        """
        names = [one["name"] for one in self.inputs]
        for name in [*features, *names]:
            if name not in features or name not in names:
                found = "missing" if name in names else "none of them"
                raise ValueError(f"The inputs are {', '.join(names)}; {name!r} is {found}.")
        batch = {one["name"]: _fitted(one, features[one["name"]]) for one in self.inputs}
        if len({len(value) for value in batch.values()}) > 1:
            sizes = ", ".join(f"{name} has {len(value)}" for name, value in batch.items())
            raise ValueError(f"All inputs must have as many examples: {sizes}.")
        return {name: np.asarray(value) for name, value in self._run(batch).items()}


def parameters(path):
    """The arrays of a safetensors file by name, checked before any is made.

    Raises:
        ValueError: the file is not whole, or has anything that is not a float32 array.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, MAX_JSON):
                raise ValueError(f"{path} is no whole safetensors file: its header has no end.")
            header = _json(path, file.read(length))
            data = np.frombuffer(file.read(), np.uint8)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    header.pop("__metadata__", None)
    entries = [(name, *_entry(path, name, entry)) for name, entry in header.items()]
    end, arrays = 0, {}
    for name, dtype, shape, (start, stop) in sorted(entries, key=lambda one: one[3]):
        bytes_needed = math.prod(shape) * np.dtype(dtype).itemsize
        if start != end or stop - start != bytes_needed or stop > len(data):
            raise ValueError(
                f"{path} is damaged or cut off: {name!r} is said to be bytes {start} to {stop} of "
                f"{len(data)}, expected {bytes_needed} from {end} on."
            )
        arrays[name] = data[start:stop].view(np.dtype(dtype).newbyteorder("<")).reshape(shape)
        end = stop
    if end != len(data):
        raise ValueError(f"{path} is damaged: {len(data) - end} of its bytes belong to no array.")
    return arrays


def _entry(path, name, entry):
    """Type, shape and place of an array, as the header has them."""
    if isinstance(entry, dict) and entry.get("dtype") in list(DTYPES):
        shape, place = (entry.get(key, ()) for key in ("shape", "data_offsets"))
        if _naturals(shape, MAX_DIMENSIONS) and _naturals(place, 2) and len(place) == 2:
            return DTYPES[entry["dtype"]], shape, tuple(place)
    expected = f"dtype ({' or '.join(DTYPES)}), shape and data_offsets"
    raise ValueError(f"{path}: {name!r} must have {expected}, found {str(entry)[:100]}.")


def _naturals(value, most):
    """Whether this is a list of at most so many whole numbers."""
    whole = isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)
    return whole and len(value) <= most


def _check_same(path, arrays, expected):
    found = {name: list(array.shape) for name, array in arrays.items()}
    wanted = {one["name"]: one["shape"] for one in expected}
    for name in [*wanted, *found]:
        was, should = found.get(name, "absent"), wanted.get(name, "absent")
        if was != should:
            raise ValueError(f"{path} is of another model: {name!r} is {was}, expected {should}.")


def _program(folder, facts, name, arguments, outputs):
    """A compiled function of arrays by name.

    Only the program itself is stored. What jax wants to know beside it differs between its
    versions, so it is asked for that of a stand-in with the same arguments and answers.
    """
    path = folder / f"{name}.stablehlo"
    try:
        module = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    program = facts["programs"][name]
    lowest = export.minimum_supported_calling_convention_version
    highest = export.maximum_supported_calling_convention_version
    if not lowest <= program["calling_convention"] <= highest:
        raise ValueError(
            f"{path} was made by jax {facts['made_with']['jax']}, which calls programs in another "
            f"way than the jax {jax.__version__} here; install that version."
        )
    (batch,) = export.symbolic_shape("batch")
    specs = [
        {
            one["name"]: jax.ShapeDtypeStruct(_sizes(one["shape"], batch), one["dtype"])
            for one in part
        }
        for part in arguments
    ]

    def stand_in(*_):
        return {
            one["name"]: jnp.zeros(_sizes(one["shape"], batch), one["dtype"]) for one in outputs
        }

    blank = export.export(jax.jit(stand_in), platforms=facts["platforms"])(*specs)
    filled = dataclasses.replace(
        blank,
        mlir_module_serialized=module,
        module_kept_var_idx=tuple(program["arguments"]),
        calling_convention_version=program["calling_convention"],
    )
    _check_calls(path, filled.mlir_module())
    return jax.jit(filled.call)


def _check_calls(path, text):
    """Refuses a program, as text, that calls into the process or talks to others."""
    if found := FORBIDDEN.search(text):
        called = (found[1] or found[2]).partition("(")[0]
        raise ValueError(
            f"{path} calls {called or 'something without a name'}, which programs of exports do "
            f"not; they call {' and '.join(CALLS)} alone."
        )


def _sizes(shape, batch):
    return tuple(batch if size == "batch" else size for size in shape)


def _fitted(expected, value):
    """An input as the program takes it; whole numbers and floats may be of another width."""
    name, shape, dtype = expected["name"], expected["shape"], np.dtype(expected["dtype"])
    value = np.asarray(value)
    fits = value.ndim == len(shape) and list(value.shape[1:]) == shape[1:] and len(value) > 0
    if not fits or not np.can_cast(value.dtype, dtype, "same_kind"):
        wanted = ", ".join(map(str, shape))
        raise ValueError(
            f"{name!r} is {value.dtype}{list(value.shape)}, expected {dtype}[{wanted}]."
        )
    return value.astype(dtype)


def _interface(path):
    """What interface.json says, as far as it is used here."""
    try:
        if path.stat().st_size > MAX_JSON:
            raise ValueError(f"{path} is longer than {MAX_JSON} bytes.")
        facts = _json(path, path.read_bytes())
        for kind in ("parameters", "shared", "inputs", "outputs"):
            for one in facts[kind]:
                sizes = one["shape"][one["shape"][:1] == ["batch"] :]
                np.dtype(one["dtype"])
                if type(one["name"]) is not str or not _naturals(sizes, MAX_DIMENSIONS):
                    raise KeyError(kind)
        for program in facts["programs"].values():
            numbers = [*program["arguments"], program["calling_convention"]]
            if not _naturals(numbers, len(numbers)):
                raise KeyError("programs")
        strings = [facts["made_with"]["jax"], *facts["platforms"]]
        if facts["inputs"] and all(type(one) is str for one in strings):
            return facts
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not that of an exported model.") from error
    raise ValueError(f"{path} is not that of an exported model.")


def _json(path, text):
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}.") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} is damaged: it holds no JSON object.")
    return value
