"""Guidelines are Markdown; nothing else in them is markup, and no link does anything but open."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from labelled_folder import MARKUP

pytest.importorskip("markdown_it", reason="of the extra `annotate`")

from remote_jax.annotate.server.guidelines import markup

ELEMENTS = {
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong", "ul", "ol", "li", "blockquote"),
    *("code", "pre", "hr", "br", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"href", "title", "target", "rel", "class", "start"}


class Read(HTMLParser):
    """What a browser would make of it: elements, attributes and text."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_markdown_is_rendered() -> None:
    found = Read(markup("# Rules\n\n- *look* at the **picture**\n\n| a | b |\n|:-|-|\n| 1 | 2 |"))
    assert {"h1", "ul", "li", "em", "strong", "table", "td"} <= set(found.elements)
    assert found.text.split() == ["Rules", "look", "at", "the", "picture", "a", "b", "1", "2"]
    assert "style" not in found.attributes  # which the policy of the page refuses


@pytest.mark.parametrize(
    "text",
    [
        MARKUP,
        "<script>alert(1)</script>",
        "a <b onclick='x()'>b</b>",
        "<!-- hidden -->",
        "<style>* { display: none }</style>",
        "<iframe src=//x></iframe>",
        "![picture](https://x/y.png)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,x)",
        "[x](file:///etc/passwd)",
        "[x](//host/path)",
        "[x](../ben/)",
        "<javascript:alert(1)>",
    ],
)
def test_markup_and_scripts_stay_text(text: str) -> None:
    found = Read(markup(text))
    assert set(found.elements) <= {"p", "a"}
    assert found.links in ([], ["https://x/y.png"])
    if not found.links:
        assert found.text.strip() == text


def test_links_lead_to_the_web_and_open_beside_the_page() -> None:
    html = markup("[a](https://x/y?z=1&w=2) <http://z/> [b](HTTP://q)")
    assert Read(html).links == ["https://x/y?z=1&w=2", "http://z/", "HTTP://q"]
    assert html.count('target="_blank" rel="noopener noreferrer"') == 3


@given(st.text(alphabet="<>[]()!\"'`*#/:= \nahrefjvscipt&;-|", max_size=60))
@example('[a](https://x "onmouseover=")')
@example("[a](http://[)")
def test_nothing_but_markdown_makes_elements(text: str) -> None:
    found = Read(markup(text))
    assert set(found.elements) <= ELEMENTS and found.attributes <= ATTRIBUTES
    assert all(link.lower().startswith(("http:", "https:")) for link in found.links)
