"""One row of an annotation file, checked: a sentence, its picture's name, and its quintuples.

    {'token': [...], 'img_id': ..., 'label_list': [[{'beg_ent': {'name', 'pos', 'tags'},
                                                     'sec_ent': {...}, 'relation'}], ...],
     'entities': [{'name', 'pos', 'tags'}, ...]}                                            JMERE
    {'token': [...], 'h': {'name', 'pos'}, 't': {...}, 'img_id': ..., 'relation': ...}      MNRE

where `pos` is `[start, end)` in words. JMERE names a type in `tags`; MNRE begins a relation with
both, `/per/org/member_of`. Types and relations may be written in capitals. `entities`, which is not
in JMERE, has those without a relation; either it or `label_list` may be left out. A row without a
picture has no `img_id`, or null or "" in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from remote_jax.data.jsonl import check_text, show
from remote_jax.data.words import check_span, check_tokens
from remote_jax.eega.data.formats import RELATIONS, TYPES
from remote_jax.eega.quintuples import Entity, Labels, Quintuple, Vocabulary
from remote_jax.errors import Refused, nearest

ENTITIES = "entities"
MAX_LABELS = 1000
"""Most quintuples of a row, and most further entities."""

Dict = dict[Any, Any]


@dataclass(frozen=True)
class Sentence:
    """A sentence with all that is to be found in it.

    Attributes:
        tokens: its words.
        image: as the row names it, "" if it names none; in records a file relative to the data
            folder, or "" if none is there.
        labels: every quintuple and its entities, and other entities that are named.
        file, place: where it was written; the place is a line, or a row of a list, from 1.
        row: its index in the split; -1 before it is in a record.
    """

    tokens: tuple[str, ...]
    image: str
    labels: Labels = field(default_factory=Labels)
    file: str = ""
    place: int = 0
    row: int = -1


def check_jmere(value: Dict, vocabulary: Vocabulary) -> Sentence:
    """A row of JMERE.

    Raises:
        Refused: something is missing or wrong.
    """
    tokens, image = _check_post(value)
    if ENTITIES not in value:
        _get(value, "label_list", "a row")
    quintuples = []
    for place, row in enumerate(_list(value, "label_list")):
        what = f"label {place}"
        if not isinstance(row, list | tuple) or len(row) != 1 or not isinstance(row[0], dict):
            raise Refused(f"{what} must be a list of one dict, found {show(row)}")
        head, tail = (
            _check_entity(_get(row[0], key, what), f"{key!r} of {what}", len(tokens), vocabulary)
            for key in ("beg_ent", "sec_ent")
        )
        relation = _index(_get(row[0], "relation", what), "relation", what, vocabulary.relations)
        quintuples.append(_check_distinct(Quintuple(head, tail, relation), what))
    more = [
        _check_entity(one, f"entity {place}", len(tokens), vocabulary)
        for place, one in enumerate(_list(value, ENTITIES))
    ]
    return Sentence(tokens, image, Labels.from_quintuples(quintuples, more))


def names_in(value: Dict, *, listed: bool) -> tuple[list[str], list[str]]:
    """Types and relations that a row names, whatever else is wrong with it, in lower case.

    Args:
        value: a row of JMERE where `listed`, else of MNRE.
    """
    types: list[Any] = []
    relations: list[Any] = []
    if listed:
        labels = [row for one in _items(value.get("label_list")) for row in _items(one)]
        labels = [row for row in labels if isinstance(row, dict)]
        ends = [row.get(key) for row in labels for key in ("beg_ent", "sec_ent")]
        ends += _items(value.get(ENTITIES))
        types += [end.get("tags") for end in ends if isinstance(end, dict)]
        relations += [row.get("relation") for row in labels]
    elif len(parts := str(value.get("relation")).split("/")) == 4:
        types, relations = list(parts[1:3]), [parts[3]]
    return _named(types), _named(relations)


def check_mnre(value: Dict, vocabulary: Vocabulary) -> Sentence:
    """A row of MNRE, whose pair is a quintuple unless its relation is `None`.

    Raises:
        Refused: something is missing or wrong.
    """
    tokens, image = _check_post(value)
    relation = check_text(_get(value, "relation", "a row"), "relation")
    spans = [
        _check_position(_get(value, key, "the row"), f"{key!r} of the row", len(tokens))
        for key in ("h", "t")
    ]
    if relation.lower() == "none":
        return Sentence(tokens, image)
    parts = relation.split("/")
    if len(parts) != 4 or parts[0]:
        raise Refused(f"the relation must be /TYPE/TYPE/RELATION or None, found {show(relation)}")
    what = f"the relation {show(relation)}"
    head, tail = (
        Entity(*span, _index(name, "type", what, vocabulary.types))
        for span, name in zip(spans, parts[1:3], strict=True)
    )
    number = _index(parts[3], "relation", what, vocabulary.relations)
    return Sentence(
        tokens,
        image,
        Labels.from_quintuples([_check_distinct(Quintuple(head, tail, number), what)]),
    )


def _check_post(value: Dict) -> tuple[tuple[str, ...], str]:
    tokens = check_tokens(_get(value, "token", "a row"), "token")
    image = value.get("img_id")
    if image is None or image == "":
        return tokens, ""
    return tokens, str(image) if type(image) is int else check_text(image, "img_id")


def _check_entity(value: object, what: str, words: int, vocabulary: Vocabulary) -> Entity:
    end = _dict(value, what)
    span = _check_position(end, what, words)
    return Entity(*span, _index(_get(end, "tags", what), "type", what, vocabulary.types))


def _check_position(value: object, what: str, words: int) -> tuple[int, int]:
    return check_span(_get(_dict(value, what), "pos", what), f"the span of {what}", words)


def _dict(value: object, what: str) -> Dict:
    if not isinstance(value, dict):
        raise Refused(f"{what} must be a dict, found {show(value)}")
    return value


def _check_distinct(quintuple: Quintuple, what: str) -> Quintuple:
    head, tail = quintuple.head, quintuple.tail
    if (head.start, head.end) == (tail.start, tail.end):
        raise Refused(f"head and tail of {what} are the words [{head.start}, {head.end})")
    return quintuple


def _get(value: Dict, key: str, what: str) -> object:
    if key not in value:
        raise Refused(f"the key {key!r} of {what} is missing")
    return value[key]


def _list(value: Dict, key: str) -> Sequence[Any]:
    """The list under a key of a row; empty where there is none."""
    found = value.get(key, [])
    if not isinstance(found, list | tuple) or len(found) > MAX_LABELS:
        raise Refused(f"{key} must be a list of at most {MAX_LABELS:,}, found {show(found)}")
    return found


def _named(values: Sequence[Any]) -> list[str]:
    return [value.lower() for value in values if isinstance(value, str) and value]


def _items(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _index(value: object, kind: str, what: str, names: tuple[str, ...]) -> int:
    name = check_text(value, f"the {kind} of {what}").lower()
    if name not in names:
        known = ", ".join(names) if len(names) < 10 else f"one of the {len(names)} known"
        file = {"type": TYPES, "relation": RELATIONS}[kind]
        raise Refused(
            f"the {kind} of {what} is {show(value)}, expected {known}{nearest(name, names)}; "
            f"{kind}s of your own go into {file} in the data folder, one a line"
        )
    return names.index(name)
