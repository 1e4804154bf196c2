"""Vectors on disk: read as they were written, and made anew where they are not those."""

import json
import pickle

import numpy as np
import pytest
from numpy.lib import format as npy

from remote_jax.encoders.bert import BertConfig
from remote_jax.encoders.frozen import encode, vectors
from remote_jax.encoders.frozen.encode import SIZE, Inputs
from remote_jax.encoders.frozen.vectors import Origin, kept
from remote_jax.errors import UserError

COUNTS = {b"a": 2, b"b": 0, b"c": 3}
ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def origin(**facts):
    return Origin({"crop": 32, **facts}, COUNTS, 4)


class Maker:
    """Gives the rows in two parts, and counts how often."""

    calls = 0

    def __call__(self):
        self.calls += 1
        yield ROWS[:2]
        yield ROWS[2:]


def assert_right(found):
    np.testing.assert_array_equal(found.of(b"a"), ROWS[:2])
    np.testing.assert_array_equal(found.of(b"c"), ROWS[2:])
    assert found.of(b"b").shape == (0, 4) and len(found) == 5


def test_vectors_are_made_once_and_sent_without_their_values(tmp_path):
    make = Maker()
    found, seconds = kept(tmp_path, origin(), make)
    assert seconds is not None
    assert_right(found)
    again, seconds = kept(tmp_path, origin(), make)
    assert seconds is None and make.calls == 1
    sent = pickle.dumps(again)
    assert_right(pickle.loads(sent))
    assert len(sent) < 1000 and ROWS.tobytes() not in sent
    kept(tmp_path, origin(crop=64), make)
    kept(tmp_path, Origin({"crop": 32}, {b"a": 2, b"d": 0, b"c": 3}, 4), make)
    assert make.calls == 3 and len(list((tmp_path / vectors.FOLDER).iterdir())) == 3


def flipped(folder):
    content = bytearray((folder / vectors.ARRAY).read_bytes())
    content[-1] ^= 1
    (folder / vectors.ARRAY).write_bytes(content)


def cut(folder):
    path = folder / vectors.ARRAY
    path.write_bytes(path.read_bytes()[:-4])


def foreign(folder):
    path = folder / vectors.ABOUT
    path.write_text(json.dumps({**json.loads(path.read_text()), "crop": 64}))


def no_json(folder):
    (folder / vectors.ABOUT).write_text("{")


def no_object(folder):
    (folder / vectors.ABOUT).write_text("[]")


def half(folder):
    (folder / vectors.ABOUT).unlink()


def other_half(folder):
    (folder / vectors.ARRAY).unlink()


def _forged(folder, content):
    """An array with the digest that belongs to it."""
    path = folder / vectors.ABOUT
    (folder / vectors.ARRAY).write_bytes(content)
    digest = vectors.sha256(folder / vectors.ARRAY)
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": digest}))


def pickled(folder):
    np.save(folder / "objects.npy", np.array([[Bomb()]], object), allow_pickle=True)
    _forged(folder, (folder / "objects.npy").read_bytes())


def of_another_shape(folder):
    np.save(folder / "other.npy", ROWS[:4])
    _forged(folder, (folder / "other.npy").read_bytes())


def no_array(folder):
    _forged(folder, b"\x93NUMPY\x01\x00 what is this?")


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        cut,
        foreign,
        no_json,
        no_object,
        half,
        other_half,
        pickled,
        of_another_shape,
        no_array,
    ],
)
def test_what_is_damaged_or_foreign_is_made_anew_and_that_is_said(tmp_path, capsys, damage):
    make = Maker()
    found, _ = kept(tmp_path, origin(), make)
    damage(found.path.parent)
    again, seconds = kept(tmp_path, origin(), make)
    assert make.calls == 2 and seconds is not None
    assert_right(again)
    said = capsys.readouterr().err
    assert said.startswith(f"{found.path.parent} is not used and made anew: ")
    assert len(said.splitlines()) == 1
    assert kept(tmp_path, origin(), make)[1] is None


def test_what_stopped_half_way_is_not_taken_for_whole(tmp_path):
    def stops():
        yield ROWS[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path, origin(), stops)
    assert_right(kept(tmp_path, origin(), Maker())[0])


def test_too_few_vectors_are_never_kept(tmp_path):
    with pytest.raises(ValueError, match="2 vectors were made, expected 5"):
        kept(tmp_path, origin(), lambda: [ROWS[:2]])
    assert_right(kept(tmp_path, origin(), Maker())[0])


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / vectors.FOLDER).write_text("a file")
    with pytest.raises(UserError, match=f"Cannot write the cache {tmp_path}"):
        kept(tmp_path, origin(), Maker())


def test_a_full_disk_is_told_in_a_sentence(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(npy, "write_array_header_1_0", full)
    with pytest.raises(UserError, match=r"Cannot write .*: No space left on device\."):
        kept(tmp_path, origin(), Maker())
    assert not list(tmp_path.rglob("partial-*"))


def test_a_file_that_goes_away_is_told_in_a_sentence(tmp_path):
    found, _ = kept(tmp_path, origin(), Maker())
    found.path.unlink()
    with pytest.raises(UserError, match=r"made anew when the same command is started again"):
        found.of(next(iter(origin().counts)))


def test_items_are_encoded_in_batches_of_one_shape():
    """The last is filled up; of each item the vectors that count are kept, in order."""
    shapes = []

    def run(batch):
        shapes.append(batch["x"].shape)
        return batch["x"][:, :, None] * np.ones(2)

    lengths = [number % 4 for number in range(SIZE + 5)]
    inputs = Inputs(
        items=list(range(SIZE + 5)),
        read=lambda number: ({"x": number * 10 + np.arange(3.0)}, min(lengths[number], 3)),
        counts={},
        unit="items",
    )
    found = np.concatenate(list(encode.encoded(run, inputs, "encoding")))
    assert set(shapes) == {(SIZE, 3)} and found.dtype == np.float32
    expected = [10 * n + i for n in range(SIZE + 5) for i in range(min(lengths[n], 3))]
    np.testing.assert_array_equal(found, np.array(expected)[:, None] * np.ones(2))


def test_facts_tell_encoders_apart_but_for_dropout():
    config = BertConfig(vocab_size=5, dim=4, layers=1, heads=2, mlp_dim=4, max_positions=8)
    params = {"a": np.zeros((2, 3), np.float32), "b": np.ones(2, np.float32)}
    same = encode.facts(config, params, "float32")
    json.dumps(same)
    quiet = BertConfig(**{**vars(config), "dropout": 0.0})
    assert encode.facts(quiet, dict(reversed(params.items())), "float32") == same
    larger = BertConfig(**{**vars(config), "layers": 2})
    others = [
        encode.facts(larger, params, "float32"),
        encode.facts(config, params, "bfloat16"),
        encode.facts(config, {**params, "b": np.array([1, 2], np.float32)}, "float32"),
        encode.facts(config, {**params, "a": np.zeros((3, 2), np.float32)}, "float32"),
        encode.facts(config, {"a": params["b"], "b": params["a"]}, "float32"),
    ]
    assert all(other != same for other in others)
