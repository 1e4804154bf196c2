"""Files of features as arrays: rows, and the ids of rows where the file has them.

    .npy            the array
    .npz            an array `features`, or a single one; `ids` beside it
    .safetensors    likewise, without ids
    .pth, .pt       a tensor, or such a mapping, or a tensor an entity by its name (PyTorch)
    .h5, .hdf5      as .npz, or a data set an entity that is named after it (h5py)

Rows are a matrix, or several rows an entity: an array of entities, rows and numbers. Nothing is
unpickled but tensors, by PyTorch's own restricted reader. PyTorch and h5py need not be installed.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped
from safetensors import SafetensorError, safe_open

from remote_jax.data import arrays
from remote_jax.errors import Refused

FEATURES, IDS = "features", "ids"
MAX_BYTES = 4 * 2**30
"""Largest array of features, decompressed."""
MAX_IDS_BYTES = 2**29
MAX_SETS = 2_000_000
"""Most data sets that an HDF5 file is searched for."""

Rows = Shaped[np.ndarray, "rows ..."]
"""A matrix, or several rows an entity [entities, rows, dim]."""
Names = list[str] | list[int]
Found = tuple[Rows, Names | None]

STACK = arrays.Kind("a matrix of numbers", 3, "fiu")

NEEDS = {".pth": "torch", ".pt": "torch", ".h5": "h5py", ".hdf5": "h5py"}
"""Packages that a kind of file is read with, which need not be installed."""
CONVERSIONS = {
    "torch": "torch.load({0!r}, map_location='cpu', weights_only=True).float().numpy()",
    "h5py": "h5py.File({0!r})['features'][()]",
    "pickle": "pickle.load(open({0!r}, 'rb'))",
}
PICKLES = (".pkl", ".pickle")


def read(path: Path) -> Found:
    """The rows in a file of a kind above, and their ids.

    Raises:
        Refused: it is of another kind, malformed or too large, or what reads it is not installed.
        OSError: it cannot be read.
    """
    if why := unreadable(path):
        raise Refused(why)
    if path.suffix not in READERS:
        raise Refused(f"features are read from {', '.join(READERS)} files")
    return READERS[path.suffix](path)


def unreadable(path: Path) -> str:
    """Why a file of a known kind cannot be read here, and how to convert it; "" where it can."""
    package = "pickle" if path.suffix in PICKLES else NEEDS.get(path.suffix, "")
    if not package or (package != "pickle" and importlib.util.find_spec(package)):
        return ""
    made = f"import numpy, {package}; numpy.save('{path.stem}.npy', "
    made += CONVERSIONS[package].format(path.name) + ")"
    if package == "pickle":
        return f'it would run code when opened; if you trust it, convert it: python -c "{made}"'
    return f'reading it needs {package}; install that, or convert it: python -c "{made}"'


def _whole(kind: str, load: Callable[[Path], Found]) -> Callable[[Path], Found]:
    """A reader that refuses what makes `load` fail."""

    def read_whole(path: Path) -> Found:
        try:
            return load(path)
        except Refused:
            raise
        except Exception as error:  # whatever a broken file provokes
            if isinstance(error, OSError) and error.strerror:
                raise
            said = " ".join(str(error).split())[:200]
            raise Refused(f"no whole {kind} file ({said})") from error

    return read_whole


def _npy(path: Path) -> Found:
    with path.open("rb") as file:

        def load(kind: arrays.Kind) -> np.ndarray:
            file.seek(0)
            return arrays.read_npy(file, kind, MAX_BYTES)

        return _matrix_or_stack(load), None


def _matrix_or_stack(load: Callable[[arrays.Kind], np.ndarray]) -> Rows:
    """What `load` gives for a matrix, or else for several rows an entity."""
    try:
        return load(arrays.MATRIX)
    except Refused as error:
        with contextlib.suppress(Refused):
            return load(STACK)
        raise error


def _npz(path: Path) -> Found:
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        chosen = _choose(name for name in names if name != IDS)
        values = _matrix_or_stack(lambda kind: arrays.read_member(archive, chosen, kind, MAX_BYTES))
        if IDS not in names:
            return values, None
        return values, _names(arrays.read_member(archive, IDS, arrays.LIST, MAX_IDS_BYTES))


def _names(ids: np.ndarray) -> Names:
    if ids.dtype.kind == "S":
        ids = np.char.decode(ids, "utf-8", "replace")
    return ids.tolist()


def _safetensors(path: Path) -> Found:
    if path.stat().st_size > MAX_BYTES:
        raise Refused(f"it is longer than {MAX_BYTES:,} bytes")
    try:
        with safe_open(path, framework="np") as file:
            values = file.get_tensor(_choose(file.keys()))
    except SafetensorError as error:
        raise Refused(f"no whole safetensors file ({error})") from error
    return _checked(values), None


def _torch(path: Path) -> Found:
    """What PyTorch's restricted reader makes of a file, which runs nothing in it."""
    _refuse_growth(path)
    torch = importlib.import_module("torch")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # whose message offers to run what is in the file
        raise Refused(
            "PyTorch does not read it without running code in it; save the tensor alone, as .npy"
        ) from error
    if isinstance(loaded, torch.Tensor):
        return _checked(_tensor(torch, loaded)), None
    if not isinstance(loaded, Mapping):
        raise Refused(f"expected a tensor, or a mapping of tensors, found {type(loaded).__name__}")
    if FEATURES in loaded or len(set(loaded) - {IDS}) == 1:
        values = next(loaded[key] for key in (FEATURES, *loaded) if key in loaded and key != IDS)
        values = _checked(_tensor(torch, values))
        ids = loaded.get(IDS)
        ids = ids.tolist() if isinstance(ids, torch.Tensor) else ids
        if ids is not None and {type(one) for one in ids} not in ({str}, {int}):
            raise Refused("its ids must be a list of names, or one of numbers")
        return values, ids
    return _by_name({key: _tensor(torch, value) for key, value in loaded.items()})


def _refuse_growth(path: Path) -> None:
    """Refuses a file of PyTorch's whose parts are too large when decompressed."""
    if arrays.unpacked_size(path) > MAX_BYTES:
        raise Refused(f"it is longer than {MAX_BYTES:,} bytes")


def _tensor(torch: Any, value: Any) -> np.ndarray:
    if not isinstance(value, torch.Tensor):
        raise Refused(f"expected tensors, found a {type(value).__name__}")
    if value.is_complex():
        raise Refused(f"expected {arrays.MATRIX.what}, found {value.dtype}")
    if value.numel() * 4 > MAX_BYTES:  # a view may be far larger than what is stored of it
        raise Refused(f"a tensor of shape {tuple(value.shape)} is longer than {MAX_BYTES:,} bytes")
    return value.detach().to(torch.float32).numpy()


def _hdf5(path: Path) -> Found:
    h5py = importlib.import_module("h5py")
    with h5py.File(path, "r") as file:
        if len(file) > MAX_SETS:
            raise Refused(f"it has more than {MAX_SETS:,} data sets")
        names = [name for name in file if name != IDS]
        if FEATURES in names or len(names) == 1:
            values = _data_set(h5py, file, _choose(names))
            if IDS not in file:
                return _checked(values), None
            ids = _data_set(h5py, file, IDS)
            if ids.dtype.kind == "O":
                ids = np.array([_text(item) for item in ids.reshape(-1)])
            return _checked(values), _names(ids)
        total, found = 0, {}
        for name in names:
            found[name] = _data_set(h5py, file, name)
            total += found[name].nbytes
            if total > MAX_BYTES:
                raise Refused(f"its data sets are longer than {MAX_BYTES:,} bytes")
    return _by_name(found)


def _data_set(h5py: Any, file: Any, name: str) -> np.ndarray:
    """A data set that lies in the file itself; links and outer storage lead to other files."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise Refused(f"{name[:80]!r} is a link, expected a data set")
    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise Refused(f"{name[:80]!r} is no data set of the file itself")
    if found.nbytes > MAX_BYTES:
        raise Refused(f"{name[:80]!r} is longer than {MAX_BYTES:,} bytes")
    return np.asarray(found[()])


def _text(item: Any) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def _by_name(found: Mapping[Any, np.ndarray]) -> Found:
    """Rows from an array an entity: one row, or several."""
    if not found:
        raise Refused(f"expected an array {FEATURES!r} or a single one, found none")
    rows: list[np.ndarray] = []
    names: list[Any] = []
    for name, values in found.items():
        part = np.atleast_2d(values)
        _checked(part)
        if part.ndim != 2 or part.shape[1] != (rows[0].shape[1] if rows else part.shape[1]):
            raise Refused(
                f"expected an array {FEATURES!r}, or rows of one length by name; "
                f"{str(name)[:80]!r} is of shape {values.shape}"
            )
        rows.append(part)
        names += [name] * len(part)
    if len({type(name) for name in names}) > 1 or not isinstance(names[0], str | int):
        raise Refused("expected names of entities, or numbers, as keys")
    return np.concatenate(rows), names


def _checked(values: np.ndarray) -> np.ndarray:
    numbers = (jnp.floating, jnp.integer)  # NumPy does not count bfloat16 among them
    known = any(jnp.issubdtype(values.dtype, kind) for kind in numbers)
    if not known or values.ndim not in (2, 3) or not values.size:
        raise Refused(f"expected {arrays.MATRIX.what}, found {values.dtype} of {values.shape}")
    return values


def _choose(names: Iterable[str]) -> str:
    """The array `features`, or else the only one."""
    names = list(names)
    if FEATURES in names:
        return FEATURES
    if len(names) != 1:
        found = ", ".join(sorted(names)[:5]) or "none"
        raise Refused(f"expected an array {FEATURES!r} or a single one, found {found}")
    return names[0]


READERS: Mapping[str, Callable[[Path], Found]] = {
    ".npy": _whole(".npy", _npy),
    ".npz": _whole(".npz", _npz),
    ".safetensors": _safetensors,
    ".pth": _whole("PyTorch", _torch),
    ".pt": _whole("PyTorch", _torch),
    ".h5": _whole("HDF5", _hdf5),
    ".hdf5": _whole("HDF5", _hdf5),
}
