"""Config files, rules for values, and what may change at a resume."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import toy
from hypothesis import given
from hypothesis import strategies as st
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.commands.reference import SYSTEMS, keys_of
from remote_jax.config import Between, Key, OneOf
from remote_jax.errors import UserError


def file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "some.py"
    path.write_text(text)
    return str(path)


PRESETS = """
from ml_collections import ConfigDict
from remote_jax.config import unknown_preset

def get_config(preset=""):
    sizes = {"": 1, "paper": 2, "tiny": 3}
    if preset not in sizes:
        raise unknown_preset(preset, sizes)
    return ConfigDict({"size": sizes[preset]})
"""


def test_a_config_builds_on_its_neighbour_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine" / "confs"
    folder.mkdir(parents=True)
    (folder / "base.py").write_text(PRESETS)
    (folder / "more.py").write_text("from confs import base\nget_config = base.get_config\n")
    monkeypatch.chdir(tmp_path)
    assert configs.load("mine/confs/more.py:tiny").size == 3
    with pytest.raises(UserError, match="imports what is not there: No module named 'nowhere'"):
        configs.load(file(tmp_path, "import nowhere"))


def test_presets(tmp_path: Path) -> None:
    spec = file(tmp_path, PRESETS)
    assert configs.load(spec).size == 1
    assert configs.load(f"{spec}:paper").size == 2
    with pytest.raises(UserError, match=r"'papre'.*known: paper, tiny"):
        configs.load(f"{spec}:papre")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config(:", "some.py:1"),
        ("x = 1", "no get_config"),
        ("def get_config():\n    return 1", "has no presets"),
    ],
)
def test_config_files_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        configs.load(file(tmp_path, text) + ":paper")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nnope\n", ":2: NameError: name 'nope' is not defined."),
        ("def get_config():\n  x = 1\n  return 1 / 0", ":3: ZeroDivisionError: division by zero."),
        ("def get_config():\n  return {}[7]", ":2: KeyError: 7."),
        ("def get_config():\n  return 3", ": get_config returned int, expected a ConfigDict."),
        ("x = '\0'", ": source code string cannot contain null bytes."),
    ],
)
def test_what_a_config_file_raises_is_told_with_its_line(
    tmp_path: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (file(tmp_path, text), Path(file(tmp_path, text)).name):
        with pytest.raises(UserError) as caught:
            configs.load(name)
        assert str(caught.value) == name + said


def test_missing_file_and_wrong_kind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no config file"):
        configs.load("configs/nowhere.py")
    (tmp_path / "config.txt").write_text("x")
    with pytest.raises(UserError, match="not a Python file"):
        configs.load(str(tmp_path / "config.txt"))


def test_rules() -> None:
    config = toy.get_config()
    configs.check(config, configs.LOOP_KEYS)
    with pytest.raises(UserError, match=r"no key 'model\.mot'"):
        configs.check(config, {"model.mot": Key(OneOf(("none",)), "")})
    config.compute_dtype = "float23"
    with pytest.raises(UserError, match="one of 'float32', 'bfloat16', found 'float23'"):
        configs.check(config, configs.LOOP_KEYS)


@given(st.floats(), st.floats(-10, 10), st.floats(0, 10), st.booleans())
def test_between_is_the_interval(value: float, low: float, width: float, open: bool) -> None:
    inside = (low < value or (not open and value == low)) and value <= low + width
    assert (value in Between(low, low + width, open=open)) == inside
    assert True not in Between(0, 2) and "1" not in Between(0, 2)


@pytest.mark.parametrize("key", configs.LOOP_KEYS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -2])
def test_every_number_of_the_loop_has_a_rule(key: str, value: float) -> None:
    assert value not in configs.LOOP_KEYS[key].rule


SETTINGS = {
    "umre:paper": {  # §6.1; epochs, warm-up and decay are those of the authors' script
        "data.max_tokens": 128,
        "data.max_objects": 12,
        "model.dropout": 0.5,
        "train.learning_rate": 1e-5,
        "train.batch_size": 32,
        "train.epochs": 30,
        "train.warmup": 0.06,
        "train.weight_decay": 0.01,
    },
    "jmere:paper": {  # appendix C; epochs and their halving are those of the authors' code
        "data.max_tokens": 70,
        "data.max_objects": 10,
        "model.edge_dim": 100,
        "model.channel_dim": 100,
        "model.alignment.alpha": 0.4,
        "model.alignment.weight": 0.6,
        "model.alignment.iterations": 20,
        "train.learning_rate": 2e-5,
        "train.new_learning_rate": 2e-5,
        "train.epochs": 70,
        "train.schedule": "step",
        "train.decay_every": 30,
        "train.patience": 5,
        "train.warmup": 0,
        "train.weight_decay": 0,
        "train.clip": 0,
    },
    "db15k:paper": {  # Table 13
        "model.groups": 5,
        "model.dim": 256,
        "model.router.iterations": 50,
        "model.router.weight": 0.001,
        "train.learning_rate": 1e-3,
        "train.batch_size": 1024,
        "train.epochs": 2000,
        "train.weight_decay": 0,
    },
}


@pytest.mark.parametrize("spec", SETTINGS)
def test_the_papers_settings_are_theirs(spec: str) -> None:
    values = configs.flatten(configs.load(spec))
    assert {key: values[key] for key in SETTINGS[spec]} == SETTINGS[spec]


def test_written_config_reads_back(tmp_path: Path) -> None:
    config = toy.get_config(**{"data.dir": "Grüße"})
    configs.write(config, tmp_path / "new")
    assert configs.read(tmp_path / "new").to_dict() == config.to_dict()
    configs.check_same(config, configs.read(tmp_path / "new"), tmp_path)


@pytest.mark.parametrize(("name", "language"), [("umre", "en"), ("jmere", "en"), ("mkg_y", None)])
def test_an_old_run_gets_what_its_system_has_now(tmp_path: Path, name: str, language: str) -> None:
    config = configs.load(name)
    old = config.to_dict()
    old["data"].pop("language", None)
    del old["train"]["average"]
    configs.write(ConfigDict(old), tmp_path)
    found = configs.read(tmp_path)
    assert found.data.get("language") == language and found.train.average == 0.0
    configs.check_same(config, found, tmp_path)


def test_a_config_with_a_tuple_is_the_same_after_reading(tmp_path: Path) -> None:
    config = toy.get_config()
    config.model.shape = (1, 2)
    configs.write(config, tmp_path)
    configs.check_same(config, configs.read(tmp_path), tmp_path)


def test_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        configs.read(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json is not JSON"):
        configs.read(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps([1]))
    with pytest.raises(UserError, match=r"config\.json holds a JSON list, expected an object"):
        configs.read(tmp_path)


@pytest.mark.parametrize("key", configs.RESUMABLE_KEYS)
def test_free_keys_may_change(key: str, tmp_path: Path) -> None:
    config = toy.get_config()
    other = toy.get_config()
    value = configs.flatten(config)[key]
    another = not value if isinstance(value, bool) else value + type(value)(1)
    other.update_from_flattened_dict({key: another})
    assert configs.flatten(other) != configs.flatten(config)
    configs.check_same(other, config, tmp_path)


def test_other_keys_may_not_change(tmp_path: Path) -> None:
    config, other = toy.get_config(), toy.get_config(**{"train.learning_rate": 0.5})
    with pytest.raises(UserError, match=r"train.learning_rate = 0.05, now it is 0.5"):
        configs.check_same(other, config, tmp_path)
    other = toy.get_config()
    other.model.more = 1
    with pytest.raises(UserError, match=r"model.more = absent, now it is 1"):
        configs.check_same(other, config, tmp_path)
    with pytest.raises(UserError, match=r"model.more = 1, now it is absent"):
        configs.check_same(config, other, tmp_path)


@pytest.mark.parametrize("was", ["2", None, True, [2.0], float("nan"), -1.0])
def test_a_length_that_is_no_number_is_not_gone_on_from(was: object, tmp_path: Path) -> None:
    stored = toy.get_config().to_dict()
    stored["train"]["epochs"] = was
    (tmp_path / "config.json").write_text(json.dumps(stored))
    with pytest.raises(UserError, match=r"has train\.epochs = "):
        configs.check_same(toy.get_config(), configs.read(tmp_path), tmp_path, trains=True)


def test_a_run_begun_before_a_key_existed_goes_on(tmp_path: Path) -> None:
    config = toy.get_config()
    stored = config.to_dict()
    for key in ("average", "init", "init_partial"):
        del stored["train"][key]
    (tmp_path / "config.json").write_text(json.dumps(stored))
    configs.check_same(config, configs.read(tmp_path), tmp_path)
    other = toy.get_config(**{"train.init": "runs/other"})
    with pytest.raises(UserError, match=r"train.init = '', now it is 'runs/other'"):
        configs.check_same(other, configs.read(tmp_path), tmp_path)


def test_run_name() -> None:
    assert configs.run_name("configs/umre.py", 0) == "umre-seed0"
    assert configs.run_name("configs/umre.py:paper", 2) == "umre-paper-seed2"
    assert configs.run_name("umre.py:a/../b", 2) == "umre-a_b-seed2"


def test_a_shipped_config_by_name_and_by_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[1]
    for name in configs.names():
        for preset in ("", *(f":{preset}" for preset in configs.presets(name))):
            by_file = configs.load(f"{root}/configs/{name}.py{preset}")
            assert configs.load(name + preset).to_dict() == by_file.to_dict()
        default = configs.load(name).to_dict()
        assert default == configs.load(f"{name}:{configs.presets(name)[0]}").to_dict()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "umre").write_text("a file of this name changes nothing")
    assert configs.load("umre").system == "remote"
    assert configs.run_name("umre:paper", 0) == configs.run_name("configs/umre.py:paper", 0)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no config umer \(did you mean 'umre'\?\).*db15k, "):
        configs.load("umer:paper")
    with pytest.raises(UserError, match="no config _base"):
        configs.load("_base")


def test_whole_numbers_are_whole() -> None:
    config = configs.load("umre")
    with config.unlocked(), config.ignore_type():
        config.train.batch_size = 2.5
    with pytest.raises(
        UserError, match=r"batch_size must be a whole number at least 1, found 2\.5"
    ):
        configs.check(config, configs.LOOP_KEYS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_key_that_is_whole_in_every_preset_is_so_by_its_rule(system: str) -> None:
    values = [
        configs.flatten(configs.load(f"{name}:{preset}"))
        for name in configs.names()
        for preset in configs.presets(name)
    ]
    mine = [one for one in values if one["system"] == system]
    for name, key in keys_of(system).items():
        found = [one[name] for one in mine if name in one]
        if found and all(type(value) is int for value in found):
            assert isinstance(key.rule, configs.Whole), name


def test_a_config_file_may_define_dataclasses(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from ml_collections import ConfigDict\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Size:\n    value: int\n"
        "def get_config():\n"
        "    return ConfigDict({'size': Size(value=3).value})\n"
    )
    assert configs.load(file(tmp_path, text)).size == 3


def test_what_systems_share_is_not_shared_between_configs() -> None:
    one, other = configs.load("umre"), configs.load("umre")
    one.train.epochs = 99.0
    assert other.train.epochs == configs.load("umre").train.epochs == 3.0
