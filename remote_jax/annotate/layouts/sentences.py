"""JMERE: sentences with quintuples, boxes by picture. Pairs with an object have no place in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from remote_jax.annotate import vocabulary as vocabularies
from remote_jax.annotate.ends import Relation, item_of
from remote_jax.annotate.layouts.labelled import (
    Imported,
    Labelled,
    Source,
    Target,
    copy_media,
    name_in,
)
from remote_jax.data.boxes import check_box
from remote_jax.data.files import read_json
from remote_jax.data.release import MAX_JSON, SPLITS
from remote_jax.eega.data import formats
from remote_jax.eega.data.reader import SentenceReader
from remote_jax.eega.data.sentences import Sentence
from remote_jax.errors import Refused, UserError
from remote_jax.remote.data.annotations.relation_labels import types_of
from remote_jax.reporting.results import write_atomically

PICTURES, DEPTHS = "img_org", "depth_data"


def write(target: Target, _: str) -> None:
    """Writes the folder. A post with a pair of entities without a label is left out.

    Raises:
        UserError: a file cannot be written.
    """
    chosen = [one for one in target.posts if _whole(one)]
    target.count(len(target.posts) - len(chosen), "posts have pairs without a label; left out")
    untyped = sum(not _types(one)[item] for one in chosen for item in one.entities)
    target.count(untyped, "entities have no type; they and their relations are left out")
    others = sum(len(one.relations(("eo", "oo"))) for one in chosen)
    target.count(others, "labels of pairs with an object have no place in this layout")
    none = target.vocabulary.none
    rows = {split: [_row(one, none) for one in chosen if one.split == split] for split in SPLITS}
    target.write_rows("{}.json", rows)
    boxes: dict[str, list[list[float]]] = {}
    for one in chosen:
        known = boxes.setdefault(one.image, []) if one.objects else []
        known += [list(end.box) for end in one.objects.values() if list(end.box) not in known]
    write_atomically(target.folder / formats.BOXES, [json.dumps(boxes, ensure_ascii=False)])
    _write_names(target, chosen)
    copy_media(target, chosen, PICTURES, DEPTHS)


def _whole(one: Labelled) -> bool:
    """Whether every pair of entities has a label: what is not listed there is unrelated."""
    count = len(one.entities)
    return len(one.relations(("ee",))) == count * (count - 1) // 2


def _types(one: Labelled) -> dict[str, str]:
    """The type of each entity: its own, else the one that its relations name."""
    found: dict[str, str] = {}
    for relation in one.relations(("ee",)):
        kinds = types_of(relation.relation)
        found |= {relation.head: kinds[0], relation.tail: kinds[1]} if kinds else {}
    return {item: end.type or found.get(item, "") for item, end in one.entities.items()}


def _short(relation: str) -> str:
    """A relation without the types that it begins with, as JMERE has those of MNRE."""
    return relation.rpartition("/")[2] if types_of(relation) else relation


def _row(one: Labelled, none: str) -> Mapping[str, Any]:
    types = _types(one)

    def end(item: str) -> Mapping[str, Any]:
        start, stop = one.post.in_words(one.entities[item].span)
        name = " ".join(one.post.words[start:stop])
        return {"name": name, "pos": [start, stop], "tags": types[item]}

    labels = [
        [{"beg_ent": end(head), "sec_ent": end(tail), "relation": _short(label.relation)}]
        for label in one.relations(("ee",))
        for head, tail in [(label.head, label.tail)]
        if label.relation != none and types[head] and types[tail]
    ]
    return {
        "token": one.post.words,
        **({"img_id": one.image} if one.image else {}),
        "label_list": labels,
        "entities": [end(item) for item in one.entities if types[item]],
    }


def _write_names(target: Target, posts: Iterable[Labelled]) -> None:
    """Writes types and relations where they are not JMERE's."""
    published = vocabularies.published("jmere")
    types = target.vocabulary.types
    relations = dict.fromkeys(_short(name) for name in target.vocabulary.relations[1:])
    for file, names, known in (
        (formats.TYPES, types, published.types),
        (formats.RELATIONS, tuple(relations), published.relations[1:]),
    ):
        if names != known:
            write_atomically(target.folder / file, [f"{name}\n" for name in names])


def read(folder: Path, _: str) -> Source:
    """The posts of a folder; pairs of entities that are not listed have no relation.

    Raises:
        UserError: a file is missing or malformed.
    """
    files = formats.locate(formats.JMERE, folder)
    names = files.vocabulary
    boxes = read_json(files.boxes, MAX_JSON) if files.boxes else {}
    posts, passed = [], dict.fromkeys(("rejected", "again"), 0)
    for split in files.rows:
        for sentence in SentenceReader(files, split):
            if isinstance(sentence, Sentence):
                posts.append(_post(sentence, files, split, boxes, passed))
            else:
                passed["rejected"] += 1
    notes = [
        f"{number:,} {what}."
        for number, what in (
            (passed["rejected"], "rows are malformed and left out"),
            (passed["again"], "quintuples repeat a pair of entities; the first one is kept"),
        )
        if number
    ]
    return Source(vocabularies.of(("none", *names.relations), names.types), posts, notes)


def _post(
    sentence: Sentence,
    files: formats.DataFiles,
    split: str,
    boxes: Mapping[str, Any],
    passed: dict[str, int],
) -> Imported:
    post = Imported(sentence.tokens, split)
    if sentence.image:
        post.image = files.root / sentence.image
        post.name = name_in(files.pictures[split], post.image)
        _add_boxes(post, boxes, files)
    names, spans = files.vocabulary, {}
    for entity in sorted(sentence.labels.entities):
        spans[entity.start, entity.end] = post.entity(
            (entity.start, entity.end), names.types[entity.type]
        )
    labels: dict[str, Relation] = {}
    for one in sorted(sentence.labels.quintuples):
        head, tail = (spans[end.start, end.end] for end in (one.head, one.tail))
        passed["again"] += item_of(head, tail) in labels
        label = Relation(head, tail, names.relations[one.relation])
        labels.setdefault(item_of(head, tail), label)
    everyone = post.entities()
    for place, head in enumerate(everyone):
        for tail in everyone[place + 1 :]:
            labels.setdefault(item_of(head, tail), Relation(head, tail, "none"))
    post.relations = list(labels.values())
    return post


def _add_boxes(post: Imported, boxes: Mapping[str, Any], files: formats.DataFiles) -> None:
    found = boxes.get(post.name, [])
    try:
        for place, box in enumerate(found if isinstance(found, list) else []):
            post.object(str(place), check_box(box, f"box {place} of {post.name!r}"))
    except Refused as error:
        raise UserError(f"{files.boxes}: {error}.") from error
