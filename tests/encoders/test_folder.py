"""Checkpoints by name: what is asked of the hub, and which names are refused."""

import fnmatch
import shutil

import pytest
from checkpoints import PACKED, SINGLE, assert_same, load

from remote_jax.encoders import folder as hub
from remote_jax.errors import UserError


@pytest.fixture
def fake_hub(monkeypatch, tmp_path):
    """A hub whose repositories are folders, and a list of the files it has handed out."""
    repositories, cache, asked = tmp_path / "hub", tmp_path / "cache", []
    cache.mkdir()

    def snapshot_download(name, allow_patterns):
        if not (repositories / name).is_dir():
            raise OSError(f"401 Client Error for {name}\nand a second line")
        for file in (repositories / name).iterdir():
            if any(fnmatch.fnmatch(file.name, pattern) for pattern in allow_patterns):
                shutil.copy(file, cache)
                asked.append(file.name)
        return str(cache)

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    return repositories, asked


def test_hub_gives_safetensors_and_no_pickles(flax_bert, bert, fake_hub):
    repositories, asked = fake_hub
    flax_bert(num_hidden_layers=2).save(repositories / "someone" / "bert")
    shutil.copy(bert / SINGLE, repositories / "someone" / "bert")
    (repositories / "someone" / "bert" / "pytorch_model.bin").write_bytes(b"pickle")
    assert_same(load("someone/bert"), load(bert))
    assert sorted(asked) == ["config.json", SINGLE]


def test_hub_gives_msgpack_where_there_is_no_other(flax_bert, packed, fake_hub):
    repositories, asked = fake_hub
    flax_bert(num_hidden_layers=2).save(repositories / "bert")
    assert_same(load("bert"), load(packed))
    assert PACKED in asked


def test_unknown_names_are_refused(fake_hub):
    with pytest.raises(UserError, match="no such folder here, and the hub says: 401 Client Error"):
        load("someone/nothing")
    for path in ("./nothing", "a/b/c", "../up", "/nowhere", "~/x"):
        with pytest.raises(UserError, match=r"'.*': no such folder$"):
            load(path)
