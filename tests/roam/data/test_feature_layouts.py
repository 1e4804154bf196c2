"""No row of features goes to another entity, however a folder is laid out."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from graph_layouts import Layout, layouts, outcome
from hypothesis import HealthCheck, given, settings


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(layouts())
def test_rows_are_matched_or_refused(made: Layout) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found, why = outcome(made, Path(folder))
        assert found != "astray", why
        if found == "refused":
            assert re.search(r"\w\.(txt|del|dict|npy|npz|json)", why), why
