"""The Flax classes of transformers 4, an oracle of encoders; transformers 5 has none."""

import pytest
import transformers


def flax_class(name: str) -> type:
    """The class of that name; the test that asks for it is skipped where there is none."""
    if not hasattr(transformers, name):
        pytest.skip(f"transformers {transformers.__version__} has no {name}")
    return getattr(transformers, name)
