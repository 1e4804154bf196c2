"""Runs the model in this folder; jax and numpy are all that it needs.

    from load import load
    model = load(".")
    answers = model(**features)      # arrays by name, as interface.json says, the batch in front

Files are untrusted: each length is checked before it is used, no Python object is read from one (no
pickle), and a mistake raises a ValueError whose message is one sentence. A program that calls
anything outside StableHLO, such as functions of this process, is rejected before it runs. The
others only compute, but inside jax and without a time limit: take them from people you trust.
"""

import dataclasses
import hashlib
import json
import math
import os
import re
import stat
from contextlib import contextmanager, suppress
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

MAX_JSON = 2**26  # bytes of interface.json, and of the header of the parameters
MAX_PROGRAM = 2**28  # bytes; the parameters are not in it
MAX_PARAMETERS = 2**37  # bytes
MAX_DIMENSIONS = 8
MAX_SIZE = 2**31  # numbers of an array, without the batch
TYPES = ("bool", "uint8", "int8", "int16", "int32", "float16", "bfloat16", "float32")
# What programs may call by name: checks of the batch's size, and the error function, which some
# versions of jax write so. XLA has both.
CALLS = ("shape_assertion", "mhlo.erf")
FORBIDDEN = re.compile(
    rf"custom_call(?! @(?:{'|'.join(map(re.escape, CALLS))})\() ?(\S{{0,60}})"
    r"|stablehlo\.(infeed|outfeed|send|recv)\b"
)


def load(folder="."):
    """The `Model` of an exported folder.

    Raises:
        ValueError: a file is missing, damaged, or of another export.
    """
    folder = Path(folder)
    facts = _interface(folder / "interface.json")
    params = {name: jnp.asarray(x) for name, x in parameters(folder / "model.safetensors").items()}
    _check_same(folder / "model.safetensors", params, facts["parameters"])
    shared = {}
    if facts["shared"]:
        shared = _program(folder, facts, "shared", [facts["parameters"]], facts["shared"])(params)
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
    with _opened(path, MAX_PARAMETERS) as (file, size):
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, MAX_JSON):
            raise ValueError(f"{path} is no whole safetensors file: its header has no end.")
        places = _places(path, _json(path, file.read(length)), size - 8 - length)
        data = np.frombuffer(file.read(size - 8 - length), np.uint8)
    if len(data) != size - 8 - length:
        raise ValueError(f"{path} is cut off: it became shorter while it was read.")
    return {name: data[slice(*at)].view("<f4").reshape(shape) for name, shape, at in places}


def _places(path, header, size):
    """Name, shape and place of each array; together they fill so many bytes."""
    header.pop("__metadata__", None)
    entries = [(name, *_entry(path, name, entry)) for name, entry in header.items()]
    entries.sort(key=lambda one: one[2])
    end = 0
    for name, shape, (start, stop) in entries:
        bytes_needed = 4 * math.prod(shape)
        if start != end or stop - start != bytes_needed or stop > size:
            raise ValueError(
                f"{path} is damaged or cut off: {name!r} is said to be bytes {start} to {stop} of "
                f"{size}, expected {bytes_needed} from {end} on."
            )
        end = stop
    if end != size:
        raise ValueError(f"{path} is damaged: {size - end} of its bytes belong to no array.")
    return entries


@contextmanager
def _opened(path, most):
    """A plain file of at most so many bytes, and how many it has."""
    nonblock = getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody writes to would be waited for
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | nonblock)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ValueError(f"{path} is no plain file.")
            if found.st_size > most:
                raise ValueError(f"{path} has {found.st_size} bytes, expected at most {most}.")
            yield file, found.st_size
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error


def _read(path, most):
    with _opened(path, most) as (file, size):
        return file.read(size)


def _entry(path, name, entry):
    """Shape and place of an array of float32, as every parameter is, by the header."""
    if isinstance(entry, dict) and entry.get("dtype") == "F32":
        shape, place = (entry.get(key, ()) for key in ("shape", "data_offsets"))
        if _naturals(shape, MAX_DIMENSIONS) and _naturals(place, 2) and len(place) == 2:
            return shape, tuple(place)
    expected = "dtype (F32), shape and data_offsets"
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
    """A compiled function of arrays by name."""
    path = folder / f"{name}.stablehlo"
    program = facts["programs"][name]
    module = _checked(path, program["sha256"])
    made = f"it was made by jax {facts['made_with']['jax']}: install that version."
    lowest = export.minimum_supported_calling_convention_version
    highest = export.maximum_supported_calling_convention_version
    if not lowest <= program["calling_convention"] <= highest:
        raise ValueError(f"{path} is called in another way than jax {jax.__version__} does; {made}")
    count = sum(map(len, arguments))
    if program["arguments"] != sorted({x for x in program["arguments"] if x < count}):
        raise ValueError(f"{path} reads, of {count} arguments, some that are not there or twice.")
    # jax has no class of its own for what it cannot read.
    try:
        filled = _filled(module, program, facts["platforms"], arguments, outputs)
        text = filled.mlir_module()
    except Exception as error:
        said = f"{path} is nothing that the jax {jax.__version__} here can read"
        raise ValueError(f"{said}; {made}") from error
    _check_calls(path, text)
    run = jax.jit(filled.call)
    try:
        run.lower(*_specs(arguments, 1))  # what does not fit together is found here
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} is no program of what interface.json says: {said}.") from error
    return run


def _checked(path, sha256):
    """The program as it was written; MLIR prints lines of its own about what it cannot read."""
    module = _read(path, MAX_PROGRAM)
    if hashlib.sha256(module).hexdigest() != sha256:
        raise ValueError(
            f"{path} is damaged, cut off or of another export, by the checksum in interface.json: "
            "copy the whole folder again."
        )
    if not module.startswith(b"ML\xefR"):  # the start of every file of MLIR
        raise ValueError(f"{path} is no program of StableHLO.")
    return module


def _filled(module, program, platforms, arguments, outputs):
    """The program as jax calls one.

    Only the program itself is stored. What jax wants to know beside it differs between its
    versions, so it is asked for that of a stand-in with the same arguments and answers.
    """
    (batch,) = export.symbolic_shape("batch")

    (answers,) = _specs([outputs], batch)

    def stand_in(*_):
        return {name: jnp.zeros(one.shape, one.dtype) for name, one in answers.items()}

    blank = export.export(jax.jit(stand_in), platforms=platforms)(*_specs(arguments, batch))
    return dataclasses.replace(
        blank,
        mlir_module_serialized=module,
        module_kept_var_idx=tuple(program["arguments"]),
        calling_convention_version=program["calling_convention"],
    )


def _check_calls(path, text):
    """Refuses a program, as text, that calls into the process or talks to others."""
    if found := FORBIDDEN.search(text):
        called = (found[1] or found[2]).partition("(")[0]
        raise ValueError(
            f"{path} calls {called or 'something without a name'}, which programs of exports do "
            f"not; they call {' and '.join(CALLS)} alone."
        )


def _specs(arguments, batch):
    def spec(one):
        sizes = tuple(batch if size == "batch" else size for size in one["shape"])
        return jax.ShapeDtypeStruct(sizes, one["dtype"])

    return [{one["name"]: spec(one) for one in part} for part in arguments]


def _fitted(expected, value):
    """An input as the program takes it; whole numbers and floats may be of another width."""
    name, shape, dtype = expected["name"], expected["shape"], np.dtype(expected["dtype"])
    value = np.asarray(value)
    if value.ndim == len(shape) and len(value) == 0:
        raise ValueError(f"{name!r} is empty; a batch has at least one example.")
    fits = value.ndim == len(shape) and list(value.shape[1:]) == shape[1:]
    if not fits or not np.can_cast(value.dtype, dtype, "same_kind"):
        found, wanted = f"{value.dtype}{list(value.shape)}", ", ".join(map(str, shape))
        raise ValueError(f"{name!r} is {found}, expected {dtype}[{wanted}].")
    with np.errstate(over="ignore"):
        cast = value.astype(dtype)
    exact = value.dtype.kind in "iu" and dtype.kind in "iu"
    same = cast == value if exact else np.isfinite(cast) | ~np.isfinite(value)
    if not same.all():
        raise ValueError(f"{name!r} has {value[~same][0]}, which is too large for {dtype}.")
    for place, (low, high) in enumerate(expected.get("ranges", ())):
        column = value[..., place]
        if wrong := column[(column < low) | (column > high)].tolist():
            raise ValueError(f"{name!r} has {wrong[0]} in place {place}, expected {low} to {high}.")
    return cast


def _interface(path):
    """What interface.json says, as far as it is used here."""
    facts = _json(path, _read(path, MAX_JSON))
    with suppress(KeyError, TypeError, AttributeError):
        known = all(
            _is_array(one, kind in ("inputs", "outputs"))
            for kind in ("parameters", "shared", "inputs", "outputs")
            for one in facts[kind]
        )
        programs = [facts["programs"][x] for x in ("predict", *["shared"] * bool(facts["shared"]))]
        for program in programs:
            numbers = [*program["arguments"], program["calling_convention"]]
            known = known and _naturals(numbers, len(numbers)) and type(program["sha256"]) is str
        strings = [facts["made_with"]["jax"], *facts["platforms"]]
        if known and facts["inputs"] and all(type(one) is str for one in strings):
            return facts
    raise ValueError(f"{path} is not that of an exported model.")


def _is_array(one, batched):
    """Whether interface.json describes an array well: its batch, where it has one, in front."""
    shape = one["shape"]
    sizes = shape[1:] if batched and shape[:1] == ["batch"] else shape
    known = type(one["name"]) is str and one["dtype"] in TYPES
    if not known or not _naturals(sizes, MAX_DIMENSIONS) or (batched and sizes is shape):
        return False
    return math.prod(sizes) <= MAX_SIZE and _are_ranges(one.get("ranges", []), shape)


def _are_ranges(ranges, shape):
    """Whether these are none, or the lowest and highest of each number along the last axis."""
    pairs = all(_naturals(one, 2) and len(one) == 2 for one in ranges)
    return pairs and (not ranges or shape[-1:] == [len(ranges)])


def _json(path, text):
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}.") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} is damaged: it holds no JSON object.")
    return value
