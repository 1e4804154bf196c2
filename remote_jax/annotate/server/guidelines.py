"""Guidelines in Markdown as markup for the page; markup of their own stays text."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

SCHEMES = ("http://", "https://")


def markup(text: str) -> str:
    """HTML of Markdown (CommonMark, and tables), in which only Markdown makes elements.

    Tags are shown as they are written. Links lead to `SCHEMES` alone, and open beside the page;
    others, and pictures, stay text.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    reader.validateLink = _is_web  # type: ignore[method-assign]
    reader.add_render_rule("link_open", _outside)
    for cell in ("th_open", "td_open"):
        reader.add_render_rule(cell, _unstyled)
    return reader.render(text)


def _is_web(url: str) -> bool:
    return url.lower().startswith(SCHEMES)


def _outside(
    self: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    options: OptionsDict,
    _: MutableMapping[str, Any],
) -> str:
    """A link that opens in another tab, and does not tell where it was."""
    tokens[place].attrs |= {"target": "_blank", "rel": "noopener noreferrer"}
    return self.renderToken(tokens, place, options, _)


def _unstyled(
    self: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    options: OptionsDict,
    _: MutableMapping[str, Any],
) -> str:
    """A cell without the style that aligns it, which the policy of the page refuses."""
    tokens[place].attrs.pop("style", None)
    return self.renderToken(tokens, place, options, _)
