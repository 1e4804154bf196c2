"""Finds entities, objects, captions and depth in posts: `remote-jax prepare POSTS --output=FOLDER`.

    remote-jax prepare posts.jsonl --output=prepared --steps=entities,objects,captions \\
        --endpoint=http://localhost:8000/v1 --model=Qwen/Qwen2.5-VL-7B-Instruct
    remote-jax prepare posts.jsonl --output=prepared --steps=entities,depth \\
        --entities=spacy:en_core_web_sm --depth=depth-anything/Depth-Anything-V2-Small-hf

POSTS is a file of JSON lines, a post a line, with pictures beside it. FOLDER gets the posts with
what was found (posts.jsonl, which predict and extract read), their pictures, boxes, captions and
depth maps as UMRE is released, and provenance.jsonl, which says what each was found by. Every
answer of a model is kept as it comes: the same command goes on where it was stopped, and asks
nothing twice. It exits with 3 where it is done, but some posts or answers could not be used. The
steps that ask a server, and those by PyTorch, need the extra `prepare`:
pip install -e '.[prepare]'.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from remote_jax.errors import UserError
from remote_jax.prepare.mllm.client import Endpoint
from remote_jax.prepare.plan import DEFAULT, Plan

INCOMPLETE = 3
"""Exit code where all is written, but posts are left out or answers could not be used."""


def main(argv: Sequence[str]) -> int:
    """Prepares the posts that the command line names; returns 0, or `INCOMPLETE`.

    Raises:
        UserError: the command line is wrong, a model or library is missing, nothing answers, or
            nothing can be written. What was answered by then is kept.
    """
    plan = read_plan(argv)
    from remote_jax.prepare.prepare import prepare

    summary = prepare(plan)
    print(f"{summary}\n{plan.output}")
    return INCOMPLETE if summary.incomplete else 0


def read_plan(argv: Sequence[str]) -> Plan:
    """The settings of a command line.

    Raises:
        UserError: they do not go together.
    """
    options = _parser().parse_args(list(argv))
    values = {key: value for key, value in vars(options).items() if value is not None}
    values["steps"] = tuple(one for one in options.steps.split(",") if one)
    server = {
        key: values.pop(key)
        for key in ("endpoint", "model", "key", "timeout", "retries", "max_tokens")
        if key in values
    }
    if server.get("endpoint") and server.get("model"):
        if "key" in server:
            server["key"] = _key(server["key"])
        values["endpoint"] = Endpoint(url=server.pop("endpoint"), **server)
    return Plan(**values)


def _key(variable: str) -> str:
    found = os.environ.get(variable, "")
    if not found:
        raise UserError(f"--key names the environment variable {variable!r}, which is not set.")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "remote-jax prepare", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("posts", metavar="POSTS", type=Path, help="file of JSON lines, a post a line")
    add("--output", type=Path, required=True, help="folder for what is made")
    add(
        "--steps",
        default=",".join(DEFAULT),
        help="of entities, objects, captions, depth and relations; the first four if not given",
    )
    add(
        "--entities",
        help="mllm (default), spacy:NAME, transformers:NAME, eega:RUN; mllm+spacy:NAME",
    )
    add("--objects", help="mllm (default), or transformers:NAME, a zero-shot detector")
    add("--depth", metavar="NAME", help="model of depth: a folder, or a name of the hub")
    add("--types", type=_names, help="of entities and objects; per,org,loc,misc if not given")
    add("--overlap", type=float, help="of two boxes of one object, at least; 0.7 if not given")
    add("--concurrency", dest="workers", type=_whole, help="posts at a time; 8 if not given")
    _add_server(parser)
    detector = parser.add_argument_group("zero-shot detector")
    detector.add_argument(
        "--labels", type=Path, metavar="FILE", help="what to look for, one a line"
    )
    detector.add_argument("--threshold", type=float, help="least score; 0.3 if not given")
    return parser


def _add_server(parser: argparse.ArgumentParser) -> None:
    server = parser.add_argument_group("server of a multimodal LLM")
    add = server.add_argument
    add("--endpoint", metavar="URL", help="of the OpenAI-compatible chat protocol")
    add("--model", metavar="NAME", help="by the name that the server has for it")
    add("--key", metavar="VARIABLE", help="environment variable that has the server's key")
    add("--timeout", type=float, help="seconds for an answer; 120 if not given")
    add("--retries", type=_whole, help="after 429, 5xx and lost connections; 5 if not given")
    add("--max-tokens", type=_whole, help="of an answer; 1024 if not given")
    add("--price", type=_price, metavar="IN,OUT", help="of a million tokens read, and written")
    add("--boxes", help="unit of its boxes: pixels (default), thousandths or fractions")
    add("--picture-side", dest="side", type=_whole, help="longest side sent; 1024 if not given")
    add("--prompts", type=Path, metavar="FOLDER", help="prompts of your own")
    add("--ask-again", dest="again", action="store_true", help="where an answer could not be used")
    add("--support", type=Path, metavar="FILE", help="posts with labels, for few-shot examples")
    add("--examples", type=_whole, help="examples of a question; 5 if not given")
    add("--clip", metavar="NAME", help="CLIP that says which are similar, by text and picture")
    add("--encoder", metavar="NAME", help="or a sentence encoder, by text alone")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _whole(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 10**6:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text!r}")
    return int(text)


def _price(text: str) -> tuple[float, float]:
    try:
        read, written = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected two numbers as 0.5,1.5, found {text!r}"
        ) from None
    return read, written
