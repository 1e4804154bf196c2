"""Which steps are asked for, and by whom: settings of `remote-jax prepare`, and what they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote_jax.data import posts as post_files
from remote_jax.errors import Refused, UserError, nearest
from remote_jax.prepare.given import OVERLAP
from remote_jax.prepare.media import OutputMedia
from remote_jax.prepare.mentions import TYPES
from remote_jax.prepare.mllm.boxes import UNITS
from remote_jax.prepare.mllm.chat import ChatStep, Question, Settings
from remote_jax.prepare.mllm.client import Client, Endpoint
from remote_jax.prepare.mllm.examples import EXAMPLES, Similarity, Support
from remote_jax.prepare.mllm.picture import SIDE
from remote_jax.prepare.mllm.prompts import read_prompt
from remote_jax.prepare.step import Step
from remote_jax.prepare.store import Store
from remote_jax.prepare.tagging import Tagger, TagStep

STEPS = ("entities", "objects", "captions", "depth", "relations")
"""In the order in which they run: objects are looked for by the names of entities, and captions and
relations are of objects."""

DEFAULT = STEPS[:4]
"""Those that run unless others are named; relations are for EEGA alone."""

MLLM = "mllm"
TAGGERS = ("spacy", "transformers", "eega")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Settings of a preparation.

    Attributes:
        posts: file of JSON lines.
        output: folder for what is made.
        steps: names of `STEPS`.
        entities: `mllm`, `KIND:NAME` with a kind of `TAGGERS`, or `mllm+KIND:NAME`, a tagger that
            reads the candidates of the MLLM.
        objects: `mllm`, or `transformers:NAME`, a zero-shot detector.
        depth: folder or hub name of a model.
        endpoint: of the MLLM.
        types: of entities and objects.
        boxes: unit of the MLLM's boxes, of `boxes.UNITS`.
        side: longest side of a picture that is sent, in pixels.
        prompts: folder of prompts of one's own.
        support: file of posts with labels, from which examples are taken.
        examples: how many.
        clip: folder or hub name of the CLIP that says which are similar.
        encoder: or of a sentence encoder, by texts alone.
        labels: file of what a detector looks for.
        threshold: least score of its objects.
        overlap: of boxes from which on they are of the same object: intersection over union.
        workers: posts that are worked on at a time.
        again: whether the MLLM is asked again where its answer could not be used.
        price: of a million tokens that it reads, and of as many that it writes.
    """

    posts: Path
    output: Path
    steps: tuple[str, ...]
    entities: str = MLLM
    objects: str = MLLM
    depth: str = ""
    endpoint: Endpoint | None = None
    types: tuple[str, ...] = TYPES
    boxes: str = "pixels"
    side: int = SIDE
    prompts: Path | None = None
    support: Path | None = None
    examples: int = EXAMPLES
    clip: str = ""
    encoder: str = ""
    labels: Path | None = None
    threshold: float = 0.3
    overlap: float = OVERLAP
    workers: int = 8
    again: bool = False
    price: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name in self.steps:
            if name not in STEPS:
                hint = nearest(name, STEPS)
                raise UserError(f"--steps has {name!r}{hint}, expected of {', '.join(STEPS)}.")
        if self.boxes not in UNITS:
            raise UserError(f"--boxes is {self.boxes!r}, expected one of {', '.join(UNITS)}.")
        if not 0 < self.overlap <= 1:
            raise UserError(f"--overlap is {self.overlap}, expected more than 0 and at most 1.")
        if self.support and bool(self.clip) == bool(self.encoder):
            raise UserError(
                "--support must know which posts are similar: name a CLIP with --clip (text and "
                "picture), or else a sentence encoder with --encoder (text alone)."
            )
        if self.asks_mllm and self.endpoint is None:
            raise UserError(
                "A step asks a multimodal LLM: name its server and model, as "
                "--endpoint=http://localhost:8000/v1 --model=NAME; or another source of entities "
                "and objects with --entities and --objects."
            )
        if "depth" in self.steps and not self.depth:
            raise UserError("The step depth needs a model: name its folder with --depth=FOLDER.")

    @property
    def asks_mllm(self) -> bool:
        """Whether a step asks the multimodal LLM."""
        sources = {
            "entities": self.entities,
            "objects": self.objects,
            "captions": MLLM,
            "relations": MLLM,
        }
        return any(sources.get(name, "").split("+")[0] == MLLM for name in self.steps)


def make_steps(plan: Plan, store: Store, media: OutputMedia) -> list[Step]:
    """The steps of a plan, in the order in which they run; their models are loaded.

    Raises:
        UserError: a model, a prompt or the support set is not there, or a library is missing.
    """
    asked = _Chat(plan, store) if plan.asks_mllm else None
    return [
        step for name in STEPS if name in plan.steps for step in _steps(name, plan, asked, media)
    ]


def _steps(name: str, plan: Plan, asked: _Chat | None, media: OutputMedia) -> Iterator[Step]:
    if name == "entities":
        source, _, tagger = plan.entities.partition("+")
        if source == MLLM:
            assert asked is not None
            yield asked.step("entities", "candidates" if tagger else "")
        if source != MLLM or tagger:
            yield TagStep(_tagger(tagger if source == MLLM else plan.entities, plan), plan.types)
    elif name == "objects" and plan.objects != MLLM:
        yield _detector(plan)
    elif name == "depth":
        from remote_jax.prepare.models.depth import DepthStep

        yield DepthStep(plan.depth, media)
    else:
        assert asked is not None
        yield asked.step(name)


def _tagger(source: str, plan: Plan) -> Tagger:
    kind, _, name = source.partition(":")
    if kind not in TAGGERS or not name or (kind == "eega" and plan.entities.startswith(MLLM)):
        raise UserError(
            f"--entities is {plan.entities!r}, expected {MLLM}, spacy:NAME, transformers:FOLDER, "
            f"eega:RUN, or {MLLM}+ before one of the first two taggers."
        )
    if kind == "spacy":
        from remote_jax.prepare.models.spacy_pipeline import SpacyTagger

        return SpacyTagger(name)
    if kind == "transformers":
        from remote_jax.prepare.models.token_classifier import TokenClassifier

        return TokenClassifier(name)
    from remote_jax.prepare.models.eega_run import EegaTagger

    return EegaTagger(name)


def _detector(plan: Plan) -> Step:
    kind, _, name = plan.objects.partition(":")
    if kind != "transformers" or not name:
        raise UserError(f"--objects is {plan.objects!r}, expected {MLLM} or transformers:FOLDER.")
    from remote_jax.prepare.models.detector import LABELS, DetectStep, read_labels

    labels = read_labels(plan.labels) if plan.labels else LABELS
    return DetectStep(name, labels, plan.threshold, plan.overlap)


class _Chat:
    """What the steps that ask an MLLM share."""

    def __init__(self, plan: Plan, store: Store):
        assert plan.endpoint is not None
        self._plan = plan
        self._client = Client(plan.endpoint)
        self._settings = Settings(plan.types, plan.boxes, plan.side, plan.overlap)
        self._support = _support(plan, store) if plan.support else None

    def step(self, question: str, name: str = "") -> ChatStep:
        from remote_jax.prepare.mllm import captions, entities, objects, relations

        kinds: dict[str, Callable[[Settings], Question]] = {
            "entities": entities.Entities,
            "objects": objects.Objects,
            "captions": captions.Captions,
            "relations": relations.Relations,
        }
        made = kinds[question](self._settings)
        prompt = read_prompt(question, self._plan.prompts)
        return ChatStep(made, prompt, self._client, self._settings, self._support, name)


def _support(plan: Plan, store: Store) -> Support:
    assert plan.support is not None
    similarity: Similarity
    if plan.clip:
        from remote_jax.prepare.models.clip_similarity import ClipSimilarity

        similarity = ClipSimilarity(plan.clip)
    else:
        from remote_jax.prepare.mllm.text_similarity import TextSimilarity

        texts = [text for path in (plan.posts, plan.support) for text in _texts(path)]
        similarity = TextSimilarity(plan.encoder, texts, plan.output / WORK)
    return Support(plan.support, similarity, store, plan.examples)


WORK = ".prepare"
"""Folder in the output folder of what is kept to go on from."""


def _texts(path: Path) -> Iterator[str]:
    """The texts of the posts of a file, as `read_post` has them."""
    for _, values in post_files.read(path):
        if isinstance(values, Refused):
            continue
        text, tokens = values.get("text"), values.get("tokens")
        if isinstance(text, str):
            yield text
        elif isinstance(tokens, Sequence) and all(isinstance(one, str) for one in tokens):
            yield " ".join(tokens)
