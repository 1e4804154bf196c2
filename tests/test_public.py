"""The public names of the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

import remote_jax


def test_every_public_name_is_there_and_documented():
    assert len(set(remote_jax.__all__)) == len(remote_jax.__all__)
    for name in remote_jax.__all__:
        assert name in dir(remote_jax)
        found = getattr(remote_jax, name)
        assert name == "__version__" or found.__doc__
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        _ = remote_jax.predict


def test_only_public_names_are_listed():
    assert dir(remote_jax) == sorted(remote_jax.__all__)
    assert remote_jax.__version__ == "0.2.0"


def test_the_import_waits_for_nothing():
    program = (
        "import sys, remote_jax\n"
        "print(*[x for x in ('jax', 'numpy', 'PIL', 'transformers') if x in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
