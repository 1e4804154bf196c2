"""Help and the page of all keys: complete, current and quick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from remote_jax import config as configs
from remote_jax.commands import reference
from remote_jax.data.boxes import BOXES, check_box
from remote_jax.encoders.build import FROM_SCRATCH
from remote_jax.encoders.settings import ENCODER_KEYS
from remote_jax.errors import UserError
from remote_jax.remote.data.dataset import LAYOUTS
from remote_jax.roam.model.objective import LOSSES
from remote_jax.roam.model.variants import ARCHITECTURES
from remote_jax.training.optimizer import SCHEDULES

ROOT = Path(__file__).parents[2]
SPECS = [f"{name}:{preset}" for name in configs.names() for preset in configs.presets(name)]


def test_all_configs_are_here() -> None:
    files = {path.stem for path in (ROOT / "configs").glob("*.py")}
    assert set(configs.names()) == files - {"__init__", "_base"}
    assert {spec.partition(":")[0] for spec in SPECS} == set(configs.names()) and len(SPECS) == 32


@pytest.mark.parametrize("spec", SPECS)
def test_every_key_of_every_preset_has_a_rule_that_it_keeps_and_a_meaning(spec: str) -> None:
    config = configs.load(spec)
    keys = reference.keys_of(config.system)
    for name in configs.flatten(config):
        assert keys[name].meaning.endswith(".") and "\n" not in keys[name].meaning, name
    configs.check(config, keys)


@pytest.mark.parametrize("system", reference.SYSTEMS)
def test_no_rule_is_without_a_key(system: str) -> None:
    presets = [set(configs.flatten(c)) for c in map(configs.load, SPECS) if c.system == system]
    keys = reference.keys_of(system)
    assert set(keys) == set.union(*presets)
    needed = {name for name, key in keys.items() if not key.optional}
    assert needed == set.intersection(*presets)


@pytest.mark.parametrize("spec", SPECS)
def test_help_names_every_key_with_its_default(spec: str) -> None:
    said = reference.help_text(spec).splitlines()
    for name, value in configs.flatten(configs.load(spec)).items():
        flag = f"  --config.{name}={str(value).lower() if isinstance(value, bool) else value}"
        assert flag in said and said[said.index(flag) + 1].startswith("      ")
    assert max(map(len, said)) <= 100


def test_help_needs_no_jax() -> None:
    code = (
        "import sys; from remote_jax.main import main; "
        "assert main(['x', '--config=jmere', '--help']) == 0; "
        "sys.exit('jax' in sys.modules or 'spacy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "--config.model.alignment.alpha=0.4" in done.stdout


def test_help_of_a_config_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from remote_jax.configs import umre\n"
        "def get_config():\n"
        "    config = umre.get_config()\n"
        "    config.train.batch_size = 7\n"
        "    config.note = 'x'\n"
        "    return config\n"
    )
    said = reference.help_text(str(file)).splitlines()
    assert "  --config.train.batch_size=7" in said and "  --config.note=x" in said
    file.write_text(
        "import ml_collections\n"
        "def get_config():\n"
        "    return ml_collections.ConfigDict({'system': 'x'})\n"
    )
    with pytest.raises(UserError, match="Unknown system 'x'; there are remote, eega, roam"):
        reference.help_text(str(file))


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == reference.markdown() + "\n", (
        "python -m remote_jax.commands.reference > docs/configuration.md"
    )


def test_the_page_has_every_value() -> None:
    rows = [line for line in reference.markdown().splitlines() if line.startswith("| `")]
    assert any(row.startswith("| `train.batch_size` | `32` | `8` | `32` |") for row in rows)
    assert "| `mnre:minilm` | `mnre:paper` | `train.epochs` | `5.0` |" in rows
    assert "| `kvc16k:paper` | `mkg_y:paper` | `model.groups` | `5` |" in rows
    for system in reference.SYSTEMS:
        for name in reference.keys_of(system):
            assert any(f"| `{name}`" in row for row in rows), name


def test_values_are_those_that_the_code_knows() -> None:
    roam, loop = reference.SYSTEMS["roam"], configs.LOOP_KEYS
    kinds = [set(names) for names in zip(*ARCHITECTURES, strict=True)]
    keys = ("model.architecture", "model.fusion")
    assert [set(roam[key].rule.values) for key in keys] == kinds
    assert set(roam["model.loss"].rule.values) == set(LOSSES)
    assert set(loop["train.schedule"].rule.values) == set(SCHEDULES)
    sizes = {f"{part}.{name}" for part, names in FROM_SCRATCH.items() for name in names}
    assert sizes == {name for name, key in ENCODER_KEYS.items() if key.optional}
    assert all(name in str(reference.SYSTEMS["remote"]["data.name"].rule) for name in LAYOUTS)
    corners, centers, auto = reference.SYSTEMS["remote"]["data.boxes"].rule.values
    assert (corners, centers) == BOXES and auto == "auto"
    box = check_box([0.0, 0.0, 0.5, 1.0], "x", corners)
    assert box == check_box([0.25, 0.5, 0.5, 1.0], "x", centers)
