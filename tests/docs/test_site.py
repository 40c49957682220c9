"""The documentation as a site: built without a warning, no link leads nowhere, nothing is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from scripts import site_pages
from tests.docs.pages import ROOT

#: Other people's pages that a reader may go to; nothing of the site itself is there.
_MAY_LEAD_OUT = {"a"}


class Places(HTMLParser):
    """What an HTML page loads and where it leads: (tag, address); and its anchors."""

    def __init__(self, text):
        super().__init__()
        self.leads, self.anchors = [], set()
        self.numbers, self._lists = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        if tag in {"ol", "ul"}:
            self._lists.append(int(facts.get("start", 1)) if tag == "ol" else None)
        elif tag == "li" and self._lists and self._lists[-1] is not None:
            self.numbers.append(self._lists[-1])
            self._lists[-1] += 1
        self.anchors.update(filter(None, (facts.get("id"), facts.get("name"))))
        if facts.get("rel") == "canonical":
            return
        self.leads += [(tag, facts[name]) for name in ("href", "src", "srcset", "action") if facts.get(name)]

    def handle_endtag(self, tag):
        if tag in {"ol", "ul"} and self._lists:
            self._lists.pop()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        words, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path: Places(path.read_text()) for path in folder.rglob("*.html")}


def test_every_link_and_anchor_is_there(site):
    lost = []
    for path, places in site.items():
        for _, lead in places.leads:
            parts = urlsplit(lead)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if parts.path.startswith("/"):  # the page for addresses that do not exist knows no place of its own
                continue
            target = target / "index.html" if target.is_dir() else target
            is_lost = not target.exists()
            is_lost |= bool(parts.fragment) and target in site and unquote(parts.fragment) not in site[target].anchors
            lost += [f"{path.name}: {lead}"] if is_lost and not parts.fragment.startswith("__") else []

    assert lost == []


def test_nothing_is_loaded_from_elsewhere(site):
    loaded = {
        (path.name, lead)
        for path, places in site.items()
        for tag, lead in places.leads
        if tag not in _MAY_LEAD_OUT and urlsplit(lead).netloc
    }

    assert loaded == set()


def test_the_styles_load_nothing_from_elsewhere(site):
    (index,) = [path for path in site if path.name == "index.html" and (path.parent / "search").is_dir()]
    styles = list(index.parent.rglob("*.css"))
    found = {lead for path in styles for lead in re.findall(r"url\(['\"]?(https?:[^)'\"]+)", path.read_text())}

    assert styles
    assert found == set()


def test_every_page_of_the_documentation_is_on_the_site(site):
    names = {path.stem for path in site}

    assert {path.stem for path in (ROOT / "docs").rglob("*.md")} - {"README"} <= names
    assert {path.parent.name for path in ROOT.glob("connectors/*/README.md")} <= names


def test_numbered_lists_keep_their_numbers(site):
    shown = {path: places.numbers for path, places in site.items()}
    wrong = {}
    for source, page in site_pages.pages().items():
        (found,) = [numbers for path, numbers in shown.items() if path.as_posix().endswith(f"/{page[:-3]}.html")][:1]
        written = numbers_of((ROOT / source).read_text())
        if found != written:
            wrong[source] = (written, found)

    assert wrong == {}


def numbers_of(markdown):
    """Return the numbers of the numbered lists of a page, without its code."""
    text = re.sub(r"^( *)```.*?^ *```$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return [int(number) for number in re.findall(r"^ *(\d+)\. ", text, flags=re.MULTILINE)]
