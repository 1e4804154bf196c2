"""Parses of sentences by spaCy, kept once they are made.

Any pipeline with a parser and parts of speech will do: an installed one by its name, as
`en_core_web_trf`, or one in a folder by a path with a slash, as `./pipeline`. It gets the words as
they are, so a parse has as many words as its sentence; one of another length, or whose heads go in
a circle, is refused.
"""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from remote_jax.data.cache import locked
from remote_jax.data.files import sha256
from remote_jax.data.jsonl import show
from remote_jax.eega.data import parse_files
from remote_jax.eega.graphs import trees
from remote_jax.eega.graphs.trees import Parse
from remote_jax.errors import Refused, UserError, reason
from remote_jax.reporting.progress import tracked

UNUSED = ("ner", "lemmatizer", "textcat", "textcat_multilabel", "entity_linker")
"""Parts of a pipeline that are not run."""

BLOCK = 64
"""Sentences that a pipeline gets at once."""

VERSION = 1
"""Of the kept files."""

PARSING = threading.Lock()
"""Held while the pipeline in memory is used."""


def parse(pipeline: str, sentences: Sequence[Sequence[str]], cache: Path) -> list[Parse | Refused]:
    """The parse of each sentence, or why it has none.

    Args:
        pipeline: name of an installed spaCy pipeline, or the path of a folder, with a slash.
        sentences: words of each.
        cache: parses go to CACHE/parses/KEY.npz, the key being of the pipeline's files, of spaCy's
            version and of the words; the second time, nothing is parsed, unless a sentence could
            not be.

    Raises:
        UserError: there is no spaCy or no such pipeline, it has no parser or no parts of speech, or
            the cache cannot be written.
    """
    folder = cache / "parses"
    path = folder / f"{_key(pipeline, sentences)}.npz"
    with locked(folder):
        if not path.is_file():
            nlp = _load(pipeline)
            run = _run(nlp, sentences)
            found = list(tracked(run, "parsing by spaCy", "sentences", len(sentences)))
            parsed = [one for one in found if not isinstance(one, Refused)]
            if len(parsed) < len(found):  # a file of parses has no place for what went wrong
                return _checked(found, sentences)
            parse_files.write(path, parsed)
        kept = parse_files.read(path)
    return _checked(kept, sentences)


def fresh(pipeline: str, sentences: Sequence[Sequence[str]]) -> list[Parse | Refused]:
    """The same, without a cache; the pipeline stays in memory for the next sentences.

    Raises:
        UserError: there is no spaCy or no such pipeline, or it has no parser or no parts of speech.
    """
    with PARSING:
        nlp = _kept(pipeline)
        with nlp.memory_zone():  # what spaCy keeps of new words would grow with the sentences
            found = list(_run(nlp, sentences))
    return _checked(found, sentences)


def _checked(
    parses: Sequence[Parse | Refused], sentences: Sequence[Sequence[str]]
) -> list[Parse | Refused]:
    return [
        one if isinstance(one, Refused) else trees.checked(one, len(words))
        for one, words in zip(parses, sentences, strict=True)
    ]


@functools.lru_cache(maxsize=1)
def _kept(pipeline: str) -> Any:
    return _load(pipeline)


def _spacy() -> Any:
    try:
        import spacy
    except ImportError as error:
        raise UserError(
            "The text graph needs spaCy, which is not installed: pip install spacy."
        ) from error
    return spacy


def _place(pipeline: str) -> Path:
    """The folder of a pipeline. A name without a slash never is one of the current folder."""
    folder = Path(pipeline).expanduser()
    if "/" in pipeline and folder.is_dir():
        return folder
    util = _spacy().util
    if not pipeline or not util.is_package(pipeline):
        raise UserError(
            f"There is no spaCy pipeline {show(pipeline)}: it is neither a folder, by a path "
            "with a slash, nor installed (python -m spacy download en_core_web_sm)."
        )
    return util.get_package_path(pipeline)


def _key(pipeline: str, sentences: Iterable[Sequence[str]]) -> str:
    place = _place(pipeline)
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.suffix != ".pyc")
    digest = hashlib.sha256(f"{VERSION} {_spacy().__version__}".encode())
    for path in files:
        digest.update(f"{path.relative_to(place)} {sha256(path)}\n".encode())
    for words in sentences:
        digest.update(json.dumps(words).encode() + b"\n")
    return digest.hexdigest()


def _load(pipeline: str) -> Any:
    spacy = _spacy()
    try:
        nlp = spacy.load(
            pipeline if spacy.util.is_package(pipeline) else _place(pipeline), exclude=UNUSED
        )
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise UserError(
            f"The spaCy pipeline {pipeline} cannot be loaded: {reason(error)}."
        ) from error
    (doc,) = nlp.pipe([_doc(nlp, ["Hello", "world"])])
    for what, annotation in (("dependency parser", "DEP"), ("part-of-speech tagger", "POS")):
        if not doc.has_annotation(annotation):
            raise UserError(
                f"The spaCy pipeline {pipeline} has no {what}; it runs {', '.join(nlp.pipe_names)}."
            )
    return nlp


def _doc(nlp: Any, words: Sequence[str]) -> Any:
    return _spacy().tokens.Doc(nlp.vocab, words=list(words))


def _run(nlp: Any, sentences: Sequence[Sequence[str]]) -> Iterator[Parse | Refused]:
    """The parse of each sentence, in blocks; where one of a block fails, each is run alone."""
    for start in range(0, len(sentences), BLOCK):
        block = sentences[start : start + BLOCK]
        try:
            docs = list(nlp.pipe([_doc(nlp, words) for words in block], batch_size=BLOCK))
        except Exception:  # parts of a pipeline raise whatever their code provokes
            yield from (_alone(nlp, words) for words in block)
        else:
            yield from map(_parse, docs)


def _alone(nlp: Any, words: Sequence[str]) -> Parse | Refused:
    try:
        (doc,) = nlp.pipe([_doc(nlp, words)])
        return _parse(doc)
    except Exception as error:  # as above
        reason = str(error).partition("\n")[0]
        return Refused(f"spaCy cannot parse the sentence: {type(error).__name__}: {reason}")


def _parse(doc: Any) -> Parse:
    return Parse(
        np.array([token.head.i for token in doc], np.int32),
        tuple([token.dep_ for token in doc]),
        tuple([token.pos_ for token in doc]),
    )
