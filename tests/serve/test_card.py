"""The model card: scores and where they are from, and names of strangers in it."""

import re
import sys
from pathlib import Path

import jax
import pytest
import toy

from remote_jax.errors import UserError
from remote_jax.serve import card
from remote_jax.task import Interface
from remote_jax.training.record import Record

FACTS = Interface("It tells.", {"x": jax.ShapeDtypeStruct((6,), "float32")}, {"x": "a point"})
BEST = {"step": 4, "metrics": {"accuracy": 0.5}}


def written(results=None, name="toy", facts=None, earlier=(), **changes):
    fingerprint = {"name": name, "sha256": "c0ffee", "files": {"a": 1}}
    record = Record(fingerprint=fingerprint, step=9, **{"data": name, **(facts or {})})
    config = toy.get_config(**changes)
    return card.write(FACTS, config, results, BEST, record, ["load.py"], earlier)


def test_scores_say_where_they_are_from():
    metrics = {"validation": {"accuracy": 0.5}, "test": {"accuracy": 0.25, "f1": 1.0}}
    said = written({"metrics": metrics, "best_step": 4, "code": "0.1.0+abc", "parameters": 7})
    assert "|  | validation | test |" in said
    assert "| accuracy | 0.5000 | 0.2500 |" in said and "| f1 |  | 1.0000 |" in said
    assert "the test split read once" in said and "`c0ffee`" in said and "0.1.0+abc" in said
    assert "no test split" in written({"metrics": {"validation": {"accuracy": 0.5}}})
    assert "has not been read" in written() and "| accuracy | 0.5000 |" in written()


def test_generated_data_are_not_called_by_the_name_of_a_benchmark():
    said = written(name="umre", facts={"data": "a generated sample (umre's layout)"})
    assert said.startswith("# TOY on a generated sample \\(umre's layout\\)\n")
    assert "| layout | `umre` |" in said
    assert written(name="umre", facts={"data": ""}).startswith("# TOY on data in umre's layout\n")


def test_a_run_that_was_made_longer_says_how_often_its_test_split_was_read():
    metrics = {"metrics": {"validation": {"accuracy": 0.5}, "test": {"accuracy": 0.25}}}
    longer = {"made_longer": [{"after": 4, "from": 4, "to": 9}], "initial": {"folder": "<other>"}}
    said = written(metrics, earlier=["results-2-epochs.json"], facts=longer)
    assert "read once" not in said and "it had been read 1 time before" in said
    assert "after step 4, from 4 to 9 steps" in said and "| `<other>` |" in said
    assert "scored 2 times when" in written(earlier=["a", "b"])


def test_the_example_runs_as_it_is_written(tmp_path, monkeypatch):
    (tmp_path / "load.py").write_text(
        "class load:\n"
        "    def __init__(self, folder):\n"
        "        self.inputs = [{'name': 'x', 'dtype': 'float32', 'shape': ['batch', 6]}]\n"
        "    def __call__(self, **features):\n"
        "        return {name: value.shape for name, value in features.items()}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "load", raising=False)
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    for text in (written(), page):
        (example,) = re.findall(
            "```python\n(from load|import numpy as np\nfrom load)(.*?)```", text, re.S
        )
        values = {}
        exec("".join(example), values)
        assert values["answers"] == {"x": (2, 6)}
    sys.modules.pop("load")


@pytest.mark.parametrize("results", [{"best_step": 4}, {"metrics": []}, {"metrics": {"test": 3}}])
def test_results_without_metrics_are_a_mistake_of_their_file(results):
    with pytest.raises(UserError, match="has no metrics"):
        written(results)


@pytest.mark.parametrize(
    "name",
    [
        "a\n# b",
        "<script>x</script>",
        "[x](http://y)",
        "a|b|c",
        "`x`",
        "![i](j)",
        "*b* _c_",
        "x" * 999,
    ],
)
def test_names_of_strangers_stay_names(name):
    plain = written(name="toy").splitlines()
    said = written(name=name, **{"system": name}).splitlines()
    assert len(said) == len(plain)
    assert [line.startswith("#") for line in said] == [line.startswith("#") for line in plain]
    bars = [line.replace("\\|", "").count("|") for line in said]
    assert bars == [line.count("|") for line in plain]
    text = re.sub("`[^`\n]*`", "", "\n".join(said))  # code means nothing else
    assert not any(found in text for found in ("<script", "](", "![", " *b*", "x" * 300))
