"""The README.md of an export: what the model is, how it was trained and scored, how to run it.

Much of it comes from untrusted configs and data, so every name is kept to a line, and loses its
meaning in Markdown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.reporting.results import code_version
from remote_jax.task import Interface
from remote_jax.training.record import Best, Record

LONGEST = 200
FILES = {
    "load.py": "`load(folder)` gives the model as a function; needs `jax` and `numpy` alone",
    "interface.json": "name, type and shape of every input and answer",
    "model.safetensors": "the parameters, by name",
    "flax_model.msgpack": "the same, nested, for `flax.serialization.msgpack_restore`",
    "predict.stablehlo": "answers from parameters and a batch: portable StableHLO, lowered by "
    "`jax.export` for CPU, CUDA and TPU, for batches of any size",
    "shared.stablehlo": "what all batches share, from the parameters; `load.py` runs it once",
    "calibration.json": "what was chosen on validation to make probabilities of scores",
    "config.json": "the config of the run, without the folders of the machine that trained it",
    "encoders": "settings of the checkpoints that encoders started from",
    "graph": "names and triples of the graph, by which answers are known already",
    "tokenizer": "word pieces, for `transformers`' `BertTokenizerFast.from_pretrained`",
    "bert": "the fine-tuned text encoder, for `transformers`' `BertModel.from_pretrained`; "
    "it has no pooler",
    "vit": "the fine-tuned vision encoder, for `transformers`' `from_pretrained`: the class that "
    "`architectures` of its config.json names; it has no pooler",
    "relations.json": "names of relations, by number",
    "orders.json": "in which orders pairs were trained, and so are asked",
    "buckets.json": "sizes that whole batches of posts are cut to",
    "entities.json": "names of entities, by number",
    "tags.json": "names of tags, by number",
    "knowledge.json": "types, relations and labels of the training data",
    "cooccurrence.npz": "counts of words in the training data, for the input `pmi`",
    "NOTICE": "where names of relations and types come from",
}
"""What each file of an export is."""


def write(
    interface: Interface,
    config: ConfigDict,
    results: Mapping[str, Any] | None,
    best: Best,
    record: Record,
    files: Sequence[str],
    earlier: Sequence[str] = (),
) -> str:
    """The text.

    Args:
        results: of a finished run; None where it is not finished, or goes on.
        files: names of what else is in the folder.
        earlier: names of the results of the run when it was shorter (`results.earlier`).

    Raises:
        UserError: the results have no metrics.
    """
    parts = [
        f"# {plain(config.system).upper()} on {plain(_title(record))}",
        f"{interface.description}\n\n{interface.notes}".strip(),
        "## Run it",
        _usage(interface),
        "## Scores",
        _scores(results, best, len(earlier)),
        "## Data",
        _data(record),
        "## Training",
        _training(config, results, best, record),
        "## Files",
        _files(files),
        "## Terms",
        _terms(config),
    ]
    return "\n\n".join(parts) + "\n"


def plain(value: object) -> str:
    """Text of others as one line without a meaning in Markdown or HTML."""
    line = " ".join(str(value).split())
    line = "".join(letter for letter in line if letter.isprintable())
    line = line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~:@])", r"\\\1", line)


def code(value: object) -> str:
    """The same, set as code."""
    line = "".join(x for x in " ".join(str(value).split()) if x.isprintable() and x not in "`|")
    return f"`{line[:LONGEST]}`" if line else ""


def _title(record: Record) -> str:
    """What the data are; runs of before know the layout alone."""
    return record.data or f"data in {record.fingerprint.get('name', 'an unknown')}'s layout"


def _usage(interface: Interface) -> str:
    posts = _posts(interface.post) if interface.post else []
    return "\n".join([*posts, *_arrays(interface)])


def _posts(post: Mapping[str, Any]) -> list[str]:
    return [
        'Posts, by `pip install "remote_jax"`, then in this folder:',
        "",
        "```python",
        "import remote_jax",
        "",
        'model = remote_jax.load(".")',
        f"answers = model.predict([{json.dumps(post)}])",
        "print(answers[0].to_dict())",
        "```",
        "",
    ]


def _arrays(interface: Interface) -> list[str]:
    names = [
        (code(name), _array(one), interface.fields.get(name, ""))
        for name, one in interface.inputs.items()
    ]
    answers = [
        (code(name), about)
        for name, about in interface.fields.items()
        if name not in interface.inputs
    ]
    return [
        "Arrays, by `pip install jax numpy` alone, then in this folder:",
        "",
        "```python",
        "import numpy as np",
        "from load import load",
        "",
        'model = load(".")',
        "# A batch of two examples of nothing; put your own features in their place.",
        "features = {",
        '    one["name"]: np.zeros([2, *one["shape"][1:]], one["dtype"])',
        "    for one in model.inputs",
        "}",
        "answers = model(**features)",
        "```",
        "",
        _table(("input", "type and shape", "what"), names),
        "",
        _table(("answer", "what"), answers),
    ]


def _array(one: jax.ShapeDtypeStruct) -> str:
    return code(f"{one.dtype}[{', '.join(['batch', *map(str, one.shape)])}]")


def _scores(results: Mapping[str, Any] | None, best: Best, earlier: int) -> str:
    metrics = _metrics(results) if results else {"validation": best["metrics"]}
    names = list(dict.fromkeys(name for scores in metrics.values() for name in scores))
    rows = [
        (plain(name), *(_number(scores.get(name)) for scores in metrics.values())) for name in names
    ]
    times = f"{earlier:,} time" + "s" * (earlier > 1)
    if results is None and earlier:
        said = f"The run goes on after an end; its data were scored {times} when it was shorter."
    elif results is None:
        said = "The run is not finished: its test split has not been read."
    elif "test" in metrics and earlier:
        said = (
            "The checkpoint was chosen on validation, and the test split read with that "
            f"checkpoint; it had been read {times} before, when the run was shorter."
        )
    elif "test" in metrics:
        said = (
            "The checkpoint was chosen on validation, and the test split read once, with that "
            "checkpoint."
        )
    else:
        said = (
            "The data have no test split; validation chose the checkpoint, so that its score is "
            "better than one of new data would be."
        )
    return f"{said}\n\n{_table(('', *map(plain, metrics)), rows)}"


def _metrics(results: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Scores of each split."""
    metrics = results.get("metrics")
    if isinstance(metrics, Mapping) and all(isinstance(one, Mapping) for one in metrics.values()):
        return metrics
    raise UserError(
        "The run's results.json has no metrics of splits: move it away and run --mode=eval, or "
        "export without it."
    )


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else plain("" if value is None else value)


def _data(record: Record) -> str:
    """What of the fingerprint is a plain value; folders and files are many, their digest is one.

    Its `name` is that of the layout: a generated sample has it too.
    """
    flat = {k: v for k, v in record.fingerprint.items() if isinstance(v, str | int | float)}
    rows = [("data", _title(record)), *(("layout" if k == "name" else k, flat[k]) for k in flat)]
    return _table(("", ""), [(plain(name), code(value)) for name, value in rows])


def _training(
    config: ConfigDict, results: Mapping[str, Any] | None, best: Best, record: Record
) -> str:
    rows = [
        ("seed", config.seed),
        ("step of this checkpoint", f"{best['step']:,} of {record.step:,} done"),
        ("seconds", f"{record.seconds:,.0f}"),
    ]
    if record.initial:
        rows.append(("started from the parameters of", record.initial.get("folder", "another run")))
    rows += [
        ("made longer", f"after step {one['after']:,}, from {one['from']:,} to {one['to']:,} steps")
        for one in record.made_longer
    ]
    if results:
        rows += [
            (name, results[name]) for name in ("parameters", "device", "devices") if name in results
        ]
        rows.append(("trained by remote\\_jax", results.get("code", "")))
    rows.append(("exported by remote\\_jax", code_version()))
    return _table(("", ""), [(name, code(value)) for name, value in rows])


def _files(names: Sequence[str]) -> str:
    known = [name for name in FILES if name in names]
    rest = [name for name in names if name not in FILES]
    return _table(("file", "what"), [(code(x), FILES.get(x, "")) for x in [*known, *rest]])


def _terms(config: ConfigDict) -> str:
    starts = [config[part].pretrained for part in ("text", "vision") if part in config]
    said = "remote\\_jax, `load.py` included, is under Apache-2.0. The data have terms of their own"
    if named := [code(name) for name in starts if name]:
        said += f", and so have the checkpoints that encoders started from ({', '.join(named)})"
    return f"{said}; whether they extend to these parameters is for who passes them on to find out."


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
