"""What the pages name exists: files, modules, definitions, headings; README stays short."""

import ast
import importlib.util
import json
import re

import pytest
from pages import ROOT, pages

FOLDERS = "remote_jax|configs|tests|docs|launch|third_party"
FILE = re.compile(rf"(?<![\w./])(?:{FOLDERS})/[\w./-]*\.(?:py|png|svg|sh|yaml|md|ipynb)\b")
MODULE = re.compile(r"python3? -m (remote_jax(?:\.\w+)*)")
LINK = re.compile(r"\]\(([^)\s]+)\)|^\[\w+\]: (\S+)$", re.MULTILINE)
ELSEWHERE = {"changelog.md", "contributing.md", "launch.md", "images/example.png"}
"""Pages that `docs/hooks.py` adds."""

CHANGELOG = ROOT / "CHANGELOG.md"
PAGES = {page.relative_to(ROOT).as_posix(): page for page in pages()}


def slugs(text):
    """Anchors of the headings of a page, as mkdocs makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings]
    return {re.sub(r"[\s]+", "-", heading) for heading in plain}


def notebooks():
    """The cells of each notebook as one text."""
    for path in sorted((ROOT / "docs/notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        yield path.name, "\n".join("".join(cell["source"]) for cell in cells)


TEXTS = {name: page.read_text("utf-8") for name, page in PAGES.items()} | dict(notebooks())


def missing(text, *, old_modules=False):
    """Files and modules that a text names and that do not exist."""
    files = [name for name in FILE.findall(text) if not (ROOT / name).exists()]
    modules = set(MODULE.findall(text)) - ({"remote_jax.sweep"} if old_modules else set())
    return files + [name for name in sorted(modules) if importlib.util.find_spec(name) is None]


@pytest.mark.parametrize("name", TEXTS)
def test_files_and_modules_exist(name):
    assert missing(TEXTS[name], old_modules=name == CHANGELOG.name) == []


def test_what_is_missing_is_found():
    text = "`remote_jax/no/such.py`, `remote_jax/main.py`, python -m remote_jax.nothing --help"
    assert missing(text) == ["remote_jax/no/such.py", "remote_jax.nothing"]
    assert missing("python -m remote_jax.sweep") == ["remote_jax.sweep"]


def definitions(path):
    """Functions and classes of a module, and `Class.method`."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
            inner = node.body if isinstance(node, ast.ClassDef) else []
            yield from (f"{node.name}.{x.name}" for x in inner if isinstance(x, ast.FunctionDef))


def undefined(text):
    """Names in the last column of the tables of equations that their files do not define."""
    table = text.split("| function or class |")[1].split("\n\n")[0]
    rows = [row.split(" | ") for row in table.splitlines() if "remote_jax/" in row]
    assert len(rows) > 10
    for *_, files, names in rows:
        paths = [ROOT / file for file in re.findall(r"`([^`]+)`", files)]
        defined = {name for path in paths for name in definitions(path)}
        yield from set(re.findall(r"`([^`]+)`", names)) - defined


@pytest.mark.parametrize("name", ["docs/remote.md", "docs/eega.md", "docs/roam.md"])
def test_definitions_in_the_tables_of_equations_exist(name):
    assert list(undefined(TEXTS[name])) == []


def test_an_undefined_name_is_found():
    text = TEXTS["docs/roam.md"]
    assert list(undefined(text.replace("`Experts`", "`Expert`"))) == ["Expert"]


def broken(page, text):
    """Relative links that lead nowhere."""
    for target in map("".join, LINK.findall(text)):
        if re.match(r"\w+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        generated = page.is_relative_to(ROOT / "docs") and file in ELSEWHERE
        known = {""} | (slugs(path.read_text("utf-8")) if anchor and path.exists() else set())
        if not (generated or path.exists()) or anchor not in known:
            yield target


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    assert list(broken(PAGES[name], TEXTS[name])) == []


def test_a_broken_link_is_found():
    text = (
        "[a](no.md) [b](README.md#no-such-heading) [c](README.md#two-commands) [d](https://x.org)"
    )
    found = list(broken(ROOT / "README.md", text))
    assert found == ["no.md", "README.md#no-such-heading"]


def test_readme_is_short():
    lines = TEXTS["README.md"].splitlines()
    assert len(lines) <= 170
    assert [number for number, line in enumerate(lines, 1) if len(line) > 120] == []
    commands = re.findall(r"```sh\n(.*?)```", TEXTS["README.md"], re.DOTALL)
    assert "remote_jax.main --config=configs/umre.py" in commands[0]
    assert "-m pytest" in commands[1]


def test_new_module_paths_of_the_changelog_exist():
    section = TEXTS["CHANGELOG.md"].split("Modules, all of `remote_jax`")[1].split("## [0.1.0]")[0]
    tables = re.split(r"\| 0\.1\.0(?:, `(\w+)\.`)? \|.*\|\n\|[-|]+\|\n", section)[1:]
    checked = 0
    for system, table in zip(tables[::2], tables[1::2], strict=True):
        for row in re.findall(r"^\| (.+) \| (.+) \|$", table, re.MULTILINE):
            old, new = (re.findall(r"`([\w.]+)`", cell) for cell in row)
            names = [new[0] + one for one in old] if new[0].endswith(".") else new
            for name in names:
                module = name.removesuffix(".Refused")
                path = ".".join(filter(None, ("remote_jax", system, module)))
                assert importlib.util.find_spec(path) is not None, path
                checked += 1
    assert checked > 70
