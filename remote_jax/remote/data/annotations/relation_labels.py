"""The relation vocabulary of a data folder: its own file, or one of the published lists."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from remote_jax.data import release
from remote_jax.data.files import read_json, read_lines
from remote_jax.data.jsonl import MAX_LINE
from remote_jax.data.release import MAX_JSON
from remote_jax.errors import Refused, UserError

FILES = ("*rel2id*.json",)
"""Names of a vocabulary, as `rel2id.json`, `ours_rel2id.json` and `rel2id_umke_partner.json`."""

NO_RELATION = frozenset({"none", "na", "n/a", "no_relation"})
"""Labels for no relation, in lower case; a data set has one of them."""

MAX_EXAMPLE = 8
"""Relations of the example of a vocabulary file."""

_LABEL = re.compile(rb"""["']relation["']\s*:\s*(?:'([^'\\]*)'|"([^"\\]*)")""")


def read(path: Path) -> tuple[str, ...]:
    """The relations of `{relation: id}` in the order of their ids, but no relation first.

    Raises:
        UserError: ids are not 0, 1, 2 and so on; or not exactly one label is for no relation.
    """
    ids = read_json(path, MAX_JSON)
    whole = all(type(number) is int for number in ids.values())
    if not whole or sorted(ids.values()) != list(range(len(ids))):
        raise UserError(f"{path} must give relations the ids 0 to {len(ids) - 1}, each once.")
    relations = sorted(ids, key=ids.__getitem__)
    absent = [name for name in relations if name.lower() in NO_RELATION]
    if len(absent) != 1:
        found = f"found {', '.join(absent)}" if absent else f'found none: add "none": {len(ids)}'
        raise UserError(f"{path} must have one label for no relation, 'none' or 'None', {found}.")
    return (absent[0], *(name for name in relations if name != absent[0]))


def published(names: Sequence[str], rows: Iterable[Path]) -> tuple[str, ...]:
    """Of the lists `third_party/relations/NAME.txt`, that which lacks fewest labels of the rows.

    Two releases of a data set may have the same file names; the first of `names` goes before.
    """
    lists = [release.bundled("relations", name) for name in names]
    if len(lists) == 1:
        return lists[0]
    found = labels(tuple(rows))

    def lacking(relations: tuple[str, ...]) -> int:
        known = set(relations)
        return sum(n for label, n in found if label not in known and not is_none(label))

    return min(lists, key=lacking)


def is_none(label: str) -> bool:
    """Whether a label says that there is no relation."""
    return label.lower() in NO_RELATION


@functools.lru_cache(maxsize=2)
def labels(rows: tuple[Path, ...]) -> tuple[tuple[str, int], ...]:
    """Labels of files of rows and how many rows have them, most frequent first.

    Found by their key alone, which is enough to choose a vocabulary and to give an example of one;
    rows are read in `reader`.
    """
    counts: Counter[str] = Counter()
    for path in rows:
        for _, line in read_lines(path, MAX_LINE):
            if isinstance(line, Refused):
                continue
            for single, double in _LABEL.findall(line)[-1:]:
                counts[(single or double).decode(errors="replace")] += 1
    return tuple(counts.most_common())


def example(rows: Iterable[Path]) -> str:
    """What a vocabulary file of these rows would hold; of many relations the most frequent."""
    found = [label for label, _ in labels(tuple(rows))]
    absent = [label for label in found if is_none(label)][:1] or ["none"]
    names = [*absent, *(label for label in found if not is_none(label))]
    text = json.dumps({name[:60]: id_ for id_, name in enumerate(names[:MAX_EXAMPLE])})
    return text if len(names) <= MAX_EXAMPLE else f"{text[:-1]}, ...}}"


def fit(relations: Sequence[str], head: str, tail: str) -> list[bool]:
    """Which relations may join ends of these types.

    Args:
        relations: those named `/HEAD/TAIL/NAME` say what they join; others join anything.
        head, tail: types; "" joins anything.
    """
    found = []
    for types in map(types_of, relations):
        wrong = types and ((head and types[0] != head) or (tail and types[1] != tail))
        found.append(not wrong)
    return found


def types_of(relation: str) -> tuple[str, str] | None:
    """What a relation joins by its name, None where that does not say."""
    parts = relation.split("/")
    return (parts[1], parts[2]) if len(parts) == 4 and not parts[0] else None
