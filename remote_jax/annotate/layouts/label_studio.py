"""Label Studio's JSON: `tasks.json`, and `config.xml` for a project that shows them.

A task has a `text`, its `tokens` and an `image`. Entities are regions of the text, objects
rectangles in percent of the picture, captions a text for each rectangle, and relations join two
regions. Everything but depth maps has a place in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from remote_jax.annotate import vocabulary as vocabularies
from remote_jax.annotate.ends import Object, Relation, check_object
from remote_jax.annotate.layouts.labelled import (
    PICTURES,
    Imported,
    Labelled,
    Source,
    Target,
    copy_media,
)
from remote_jax.annotate.posts import LANGUAGE
from remote_jax.data.files import find, read_json_value
from remote_jax.data.images import picture_size
from remote_jax.data.jsonl import check_text, show
from remote_jax.data.release import MAX_JSON, SPLITS
from remote_jax.data.words import check_span, check_tokens, split_words
from remote_jax.errors import Refused, UserError
from remote_jax.reporting.results import write_atomically, write_json

TASKS, CONFIG = "tasks.json", "config.xml"
UNTYPED = "untyped"
"""The label of a region without a type; Label Studio wants one."""


def write(target: Target, _: str) -> None:
    """Writes tasks, their configuration, pictures and the vocabulary.

    Raises:
        UserError: a file cannot be written.
    """
    target.count(sum(bool(one.post.depth) for one in target.posts), "depth maps are not copied")
    tasks = [_task(number, one, target) for number, one in enumerate(target.posts, start=1)]
    write_json(target.folder / TASKS, tasks)
    write_atomically(target.folder / CONFIG, [config(target.vocabulary)])
    vocabularies.write(target.folder, target.vocabulary)
    copy_media(target, target.posts, PICTURES, "")


def config(vocabulary: vocabularies.Vocabulary) -> str:
    """The labelling interface of a project that shows the tasks."""
    types = "".join(f"<Label value={quoteattr(t)}/>" for t in (*vocabulary.types, UNTYPED))
    relations = "".join(f"<Relation value={quoteattr(r)}/>" for r in vocabulary.relations)
    return (
        f'<View>\n<Relations>{relations}</Relations>\n<Image name="image" value="$image"/>\n'
        f'<RectangleLabels name="objects" toName="image">{types}</RectangleLabels>\n'
        '<TextArea name="caption" toName="image" perRegion="true"/>\n'
        f'<Text name="text" value="$text"/>\n<Labels name="entities" toName="text">{types}</Labels>'
        "\n</View>\n"
    )


def _task(number: int, one: Labelled, target: Target) -> Mapping[str, Any]:
    image = f"{PICTURES}/{one.image}" if one.image else ""
    data = {
        "id": one.post.id,
        "split": one.split,
        "text": one.post.text,
        "tokens": one.post.words,
        **({"image": image} if image else {}),
    }
    return {"id": number, "data": data, "annotations": [{"result": [*_results(one, target)]}]}


def _results(one: Labelled, target: Target) -> Iterator[Mapping[str, Any]]:
    """Regions and relations of a post."""
    for item, entity in one.entities.items():
        start, end = entity.span
        value = {"start": start, "end": end, "text": one.post.name(entity)}
        yield {
            **{"id": item, "type": "labels", "from_name": "entities", "to_name": "text"},
            "value": {**value, "labels": [entity.type or UNTYPED]},
        }
    path = find(target.source, one.post.image) if one.objects else None
    width, height = picture_size(path) if path else (0, 0)
    for item, found in one.objects.items():
        left, top, right, bottom = (100 * edge for edge in found.box)
        box = {"x": left, "y": top, "width": right - left, "height": bottom - top, "rotation": 0}
        region: dict[str, Any] = {"id": item, "to_name": "image"}
        region |= {"original_width": width, "original_height": height, "image_rotation": 0}
        yield {
            **region,
            **{"type": "rectanglelabels", "from_name": "objects"},
            "value": {**box, "rectanglelabels": [found.type or UNTYPED]},
        }
        if found.caption:
            value = {**box, "text": [found.caption]}
            yield {**region, "type": "textarea", "from_name": "caption", "value": value}
    for _, label in sorted(one.layer.relations.items()):
        ends = {"from_id": label.head, "to_id": label.tail, "direction": "right"}
        yield {"type": "relation", **ends, "labels": [label.relation]}


def read(folder: Path, _: str) -> Source:
    """The tasks of a folder, of each the first annotation.

    Raises:
        UserError: the folder has no tasks or no vocabulary, or a task is malformed.
    """
    path = folder / TASKS
    tasks = read_json_value(path, MAX_JSON)
    if not isinstance(tasks, list):
        raise UserError(f"{path} holds a {type(tasks).__name__}, expected a list of tasks.")
    vocabulary = vocabularies.required(folder)
    posts, missing = [], 0
    for number, task in enumerate(tasks, start=1):
        try:
            post, gone = _post(task, folder)
            missing += gone
        except Refused as error:
            raise UserError(f"{path}, task {number}: {error}.") from error
        posts.append(post)
    notes = [f"{missing:,} tasks have a picture that is not in the folder; left out."]
    return Source(vocabulary, posts, notes if missing else [])


def _dict(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Refused(f"{what} must be an object, found {show(value)}")
    return value


def _post(task: object, folder: Path) -> tuple[Imported, bool]:
    """The post of a task, and whether its picture is missing."""
    data = _dict(_dict(task, "a task").get("data"), "'data'")
    text = check_text(data.get("text"), "'text'")
    words: Sequence[str]
    if "tokens" in data:
        words, starts, ends = check_tokens(data["tokens"], "'tokens'"), [], []
        place = 0
        for word in words:
            place = text.find(word, place)
            if place < 0:
                raise Refused(f"the word {show(word)} of 'tokens' is not in 'text'")
            starts.append(place)
            place += len(word)
            ends.append(place)
    else:
        words, starts, ends = split_words(text, "'text'", LANGUAGE)
    split = data.get("split", SPLITS[0])
    if split not in SPLITS:
        raise Refused(f"'split' must be one of {', '.join(SPLITS)}, found {show(split)}")
    post = Imported(tuple(words), split, id=str(data.get("id", "")))
    image = data.get("image")
    if image is not None:
        name = check_text(image, "'image'")
        post.image = find(folder, name)
        post.name = name.removeprefix(f"{PICTURES}/")
    annotations = _dict(task, "a task").get("annotations") or [{}]
    result = _dict(annotations[0], "an annotation").get("result", [])
    if not isinstance(result, list):
        raise Refused(f"'result' must be a list, found {show(result)}")
    _add(post, [_dict(one, "a result") for one in result], (starts, ends))
    return post, image is not None and post.image is None


def _add(
    post: Imported, results: Sequence[Mapping[str, Any]], words: tuple[list[int], list[int]]
) -> None:
    """Adds regions, then the relations between them."""
    captions = {
        one.get("id"): " ".join(map(str, _dict(one.get("value"), "a value").get("text", [])))
        for one in results
        if one.get("type") == "textarea"
    }
    known: dict[Any, str] = {}
    for one in results:
        value, name = one.get("value"), one.get("id")
        if one.get("type") == "labels":
            known[name] = _entity(post, _dict(value, "a value"), words)
        elif one.get("type") == "rectanglelabels" and post.image is not None:
            found = _object(_dict(value, "a value"), captions.get(name, ""))
            known[name] = post.object(str(name), found.box, found.caption, found.type)
    for one in results:
        if one.get("type") != "relation":
            continue
        ends = [known.get(one.get(key)) for key in ("from_id", "to_id")]
        labels = one.get("labels")
        if not isinstance(labels, list) or len(labels) != 1:
            raise Refused(f"a relation must have one label, found {show(labels)}")
        head, tail = ends if one.get("direction") != "left" else ends[::-1]
        if head is not None and tail is not None:
            post.relations.append(Relation(head, tail, check_text(labels[0], "a relation")))


def _label(value: Mapping[str, Any], key: str) -> str:
    labels = value.get(key)
    if not isinstance(labels, list) or len(labels) != 1:
        raise Refused(f"a region must have one label, found {show(labels)}")
    label = check_text(labels[0], "a label").lower()
    return "" if label == UNTYPED else label


def _entity(post: Imported, value: Mapping[str, Any], words: tuple[list[int], list[int]]) -> str:
    starts, ends = words
    start, end = check_span([value.get("start"), value.get("end")], "a region", ends[-1])
    inside = [n for n in range(len(starts)) if starts[n] < end and start < ends[n]]
    if not inside:
        raise Refused(f"the region [{start}, {end}) covers no word")
    return post.entity((inside[0], inside[-1] + 1), _label(value, "labels"))


def _object(value: Mapping[str, Any], caption: str) -> Object:
    edges = [value.get(key) for key in ("x", "y", "width", "height")]
    numbers = [edge / 100 for edge in edges if isinstance(edge, int | float)]
    if len(numbers) != len(edges):
        raise Refused(f"a rectangle must have x, y, width and height, found {show(edges)}")
    left, top, width, height = numbers
    box = [left, top, left + width, top + height]
    kind = _label(value, "rectanglelabels")
    return check_object({"box": box, "caption": caption, "type": kind}, "a rectangle")
