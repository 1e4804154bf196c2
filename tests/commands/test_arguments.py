"""What the command line may say, beyond what `test_main.py` asks of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy

from remote_jax.commands.arguments import parse
from remote_jax.errors import UserError

CONFIG = f"--config={Path(toy.__file__)}"


def test_values_of_another_type() -> None:
    for key, value, expected in (
        ("train.batch_size", "2.5", "a whole number, as 8"),
        ("train.batch_size", "(1,", "a whole number, as 8"),
        ("train.epochs", "a: b", "a number, as 6.0"),
        ("train.remat", "2", "true or false, as False"),
    ):
        with pytest.raises(UserError) as caught:
            parse(["remote_jax", CONFIG, f"--config.{key}={value}"], "")
        found = value.partition(": ")[0]
        assert str(caught.value) == f"config.{key} must be {expected}; found {found!r}."
