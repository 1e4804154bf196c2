"""What an installation takes along."""

from pathlib import Path

from setuptools import find_packages

ROOT = Path(__file__).parents[1]


def test_every_module_is_installed():
    packages = find_packages(str(ROOT), include=["remote_jax", "remote_jax.*"])
    modules = (ROOT / "remote_jax").rglob("*.py")
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in modules}
    assert folders == set(packages)
