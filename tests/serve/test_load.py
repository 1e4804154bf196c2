"""The loader on files that nobody vouches for, and on wrong features."""

from __future__ import annotations

import hashlib
import json
import os
import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
import toy
from hypothesis import given
from hypothesis import strategies as st
from jax import export
from safetensors.numpy import save_file

from remote_jax.commands.arguments import Arguments
from remote_jax.main import run
from remote_jax.serve.load import Model, load, parameters

ARRAYS = {
    "a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a/bias": np.ones(3, np.float32),
    "empty": np.zeros((0, 4), np.float32),
    "scalar": np.array(2.5, np.float32),
}


@pytest.fixture(scope="module")
def safetensors_bytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("load") / "whole.safetensors"
    save_file(ARRAYS, path, metadata={"format": "flax"})
    return path.read_bytes()


def entry(start, stop, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def pack(header, data=b"\0" * 8):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_reads_what_safetensors_writes(safetensors_bytes, tmp_path):
    (tmp_path / "x").write_bytes(safetensors_bytes)
    found = parameters(tmp_path / "x")
    assert found.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == np.float32


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "header has no end"),
        (b"\x02\0\0", "header has no end"),
        (struct.pack("<Q", 2**63) + b"{}", "header has no end"),
        (struct.pack("<Q", 40) + b"{}", "header has no end"),
        (pack(b"{nonsense}"), "is damaged"),
        (pack(b"[" * 100_000), "is damaged"),
        (pack(b"\xff\xfe"), "is damaged"),
        (pack([1]), "no JSON object"),
        (pack({"a": 3}), "'a' must have dtype"),
        (pack({"a": entry(0, 8, [2], "F64")}), "'a' must have dtype"),
        (pack({"a": entry(0, 8, [2], ["F32"])}), "'a' must have dtype"),
        (pack({"a": entry(0, 8, [2.0])}), "'a' must have dtype"),
        (pack({"a": entry(0, 8, [-2])}), "'a' must have dtype"),
        (pack({"a": entry(0, 8, [True, 2])}), "'a' must have dtype"),
        (pack({"a": entry(0, 4, [1] * 99)}), "'a' must have dtype"),
        (pack({"a": entry(-8, 0, [2])}), "'a' must have dtype"),
        (pack({"a": entry(0, 8, [2**62, 2**62])}), "cut off"),
        (pack({"a": entry(0, 2**40, [2**38])}), "cut off"),
        (pack({"a": entry(0, 4, [2])}), "cut off"),
        (pack({"a": entry(4, 8, [1])}), "cut off"),
        (pack({"a": entry(0, 8, [2]), "b": entry(4, 8, [1])}), "cut off"),
        (pack({"a": entry(0, 4, [1])}), "belong to no array"),
    ],
)
def test_damaged_files_are_refused_in_a_sentence(content, said, tmp_path):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        parameters(tmp_path / "x")
    assert str(error.value).startswith(str(tmp_path / "x")) and str(error.value).endswith(".")


@given(st.data())
def test_any_cut_or_changed_file_is_refused_or_has_the_same_sizes(
    safetensors_bytes, tmp_path_factory, data
):
    cut = data.draw(st.integers(0, len(safetensors_bytes)))
    content = bytearray(safetensors_bytes[:cut])
    if cut == len(safetensors_bytes):
        place = data.draw(st.integers(0, len(safetensors_bytes) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.safetensors"
    path.write_bytes(bytes(content))
    try:
        found = parameters(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert cut == len(safetensors_bytes)
        assert sum(x.nbytes for x in found.values()) == sum(x.nbytes for x in ARRAYS.values())


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    toy.install()
    systems.begin(toy.get_config(), root / "run")
    run(Arguments("export", toy.get_config(), root / "run", None, root / "out"))
    return root / "out"


def test_features_that_do_not_fit_are_refused(out):
    model = load(out)
    points = np.zeros((2, toy.FEATURES))
    assert model(x=points)["probabilities"].shape == (2, toy.CLASSES)
    for features, said in [
        ({}, "'x' is missing"),
        ({"x": points, "y": points}, "'y' is none of them"),
        ({"x": points[0]}, r"float64\[6\], expected float32\[batch, 6\]"),
        ({"x": points[:, :5]}, r"expected float32\[batch, 6\]"),
        ({"x": points[:0]}, "at least one example"),
        ({"x": points + 1e300}, "which is too large for float32"),
        ({"x": points.astype(str)}, r"expected float32\[batch, 6\]"),
    ]:
        with pytest.raises(ValueError, match=said):
            model(**features)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda facts: facts.pop("inputs"), "not that of an exported model"),
        (lambda facts: facts.update(inputs=[]), "not that of an exported model"),
        (lambda facts: facts["inputs"][0].update(shape=[-1]), "not that of an exported model"),
        (lambda facts: facts["inputs"][0].update(shape=[6]), "not that of an exported model"),
        (lambda facts: facts["inputs"][0].update(dtype="x"), "not that of an exported model"),
        (lambda facts: facts["inputs"][0].update(dtype="object"), "not that of an exported model"),
        (lambda facts: facts["inputs"][0].update(dtype="U4"), "not that of an exported model"),
        (lambda facts: facts["inputs"][0].update(ranges=[[0, 1]]), "not that of an exported model"),
        (
            lambda facts: facts["outputs"][0].update(shape=["batch", 10**30]),
            "not that of an exported model",
        ),
        (lambda facts: facts["programs"].pop("predict"), "not that of an exported model"),
        (lambda facts: facts["programs"].pop("shared"), "not that of an exported model"),
        (lambda facts: facts["programs"]["predict"]["arguments"].pop(), "no program of what"),
        (lambda facts: facts["programs"]["predict"]["arguments"].append(99), "not there or twice"),
        (lambda facts: facts["programs"]["predict"]["arguments"].append(0), "not there or twice"),
        (lambda facts: facts["outputs"][0].update(shape=["batch", 9]), "no program of what"),
        (lambda facts: facts["parameters"][0].update(shape=[3]), "is of another model"),
        (lambda facts: facts["parameters"].pop(), "is of another model"),
        (lambda facts: facts["programs"]["predict"].update(calling_convention=1), "install that"),
        (lambda facts: facts["programs"]["predict"].pop("sha256"), "not that of an exported model"),
    ],
)
def test_another_interface_is_refused(out, tmp_path, change, said):
    facts = copied(out, tmp_path)
    change(facts)
    (tmp_path / "interface.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=said):
        load(tmp_path)


def copied(out, folder):
    """A copy of an export, and what its interface.json says."""
    for path in out.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return json.loads((out / "interface.json").read_text())


FILES = ["interface.json", "model.safetensors", "predict.stablehlo"]


@pytest.mark.parametrize("name", FILES)
def test_what_has_no_end_is_not_read(out, tmp_path, name):
    copied(out, tmp_path)
    for make, said in [
        (lambda path: path.symlink_to("/dev/zero"), "no plain file"),
        (os.mkfifo, "no plain file"),
        (lambda path: (path.touch(), os.truncate(path, 2**40)), "expected at most"),
    ]:
        (tmp_path / name).unlink()
        make(tmp_path / name)
        with pytest.raises(ValueError, match=f"{name}.* {said}"):
            load(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        lambda whole: b"",
        lambda whole: whole[:-50],
        lambda whole: whole[:99] + bytes([whole[99] ^ 1]) + whole[100:],
    ],
)
def test_a_damaged_program_is_refused_in_a_sentence_alone(out, tmp_path, content, capfd):
    copied(out, tmp_path)
    path = tmp_path / "predict.stablehlo"
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(ValueError, match=r"predict\.stablehlo is damaged, cut off or"):
        load(tmp_path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no program of StableHLO"),
        (b"module {}", "no program of StableHLO"),
        (b"ML\xefR of another version", f"nothing .* jax {jax.__version__}: install"),
    ],
)
def test_what_jax_cannot_read_is_refused(out, tmp_path, content, said):
    put_program(out, tmp_path, "predict", content)
    with pytest.raises(ValueError, match=rf"predict\.stablehlo is {said}"):
        load(tmp_path)


def put_program(out, folder, name, content):
    """A copy of an export with another program, of which interface.json knows."""
    facts = copied(out, folder)
    (folder / f"{name}.stablehlo").write_bytes(content)
    facts["programs"][name]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "interface.json").write_text(json.dumps(facts))


def test_numbers_out_of_range_are_refused():
    one = {"name": "query", "dtype": "int32", "shape": ["batch", 2], "ranges": [[0, 9], [0, 3]]}
    answers = Model([one], [], lambda batch: batch)(query=[[9, 3], [0, 0]])
    np.testing.assert_array_equal(answers["query"], np.array([[9, 3], [0, 0]], np.int32))
    for query, said in [
        ([[0, 0], [10, 0]], "'query' has 10 in place 0, expected 0 to 9"),
        ([[0, -1]], "'query' has -1 in place 1, expected 0 to 3"),
        ([[0, 2**32 + 3]], f"'query' has {2**32 + 3}, which is too large for int32"),
    ]:
        with pytest.raises(ValueError, match=said):
            Model([one], [], lambda batch: batch)(query=np.array(query))


@pytest.mark.parametrize("name", ["predict", "shared"])
@pytest.mark.parametrize("target", ["xla_ffi_python_cpu_callback", "a b", "shape_assertion.x"])
def test_a_program_that_calls_out_is_refused(out, tmp_path, name, target):
    answer = jax.ShapeDtypeStruct((2, toy.CLASSES), jnp.float32)
    function = jax.ffi.ffi_call(target, answer)
    allowed = [export.DisabledSafetyCheck.custom_call(target)]
    points = jax.ShapeDtypeStruct((2, toy.FEATURES), jnp.float32)
    evil = export.export(jax.jit(function), disabled_checks=allowed)(points)
    put_program(out, tmp_path, name, evil.mlir_module_serialized)
    with pytest.raises(
        ValueError, match=rf"{name}.stablehlo calls .*{target.split()[0]}.*alone\.$"
    ):
        load(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(out, tmp_path, name):
    for path in out.iterdir():
        if path.name != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match=f"{name} cannot be read"):
        load(tmp_path)
