"""What errors of libraries say to a person."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

from remote_jax.errors import MAX_REASON, UserError, reason, writing


def raised(text: str) -> Exception:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        return error
    raise AssertionError(text)


def test_no_address_and_no_unknown_place_is_told() -> None:
    with pytest.raises(UnidentifiedImageError) as caught:
        Image.open(io.BytesIO(b"no picture"))
    assert "_io.BytesIO object" in str(caught.value)
    assert reason(caught.value) == "cannot identify image file"
    assert "<unknown>" in str(raised("{1: 2")) and "<ast" in str(raised("{1: 2}(3)"))
    assert reason(raised("{1: 2")) == "'{' was never closed"
    assert reason(raised("{1: 2}(3)")) == "malformed node or string on line 1"


def test_a_reason_is_one_short_line() -> None:
    assert reason(ValueError("one.\ntwo")) == "one"
    assert reason(ValueError("x" * 10**6)) == "x" * (MAX_REASON - 3) + "..."
    assert reason(AssertionError()) == "AssertionError"


def test_what_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught, writing(tmp_path):
        (tmp_path / "no" / "file").write_text("")
    assert str(caught.value) == f"Cannot write {tmp_path}: No such file or directory."
    with pytest.raises(UserError) as caught, writing(tmp_path):
        raise io.UnsupportedOperation("not seekable.")
    assert str(caught.value) == f"Cannot write {tmp_path}: not seekable."
