"""What mkdocs is told of this repository: pages that lie outside `docs/`, and where links lead on the site.

In the repository a link leads from file to file. On the site some of these files lie elsewhere: such links are turned
to where the file is now. What is no page of the site, source code for one, is named there and not linked.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
#: File of the repository → page of the site, where that is not the same path below `docs/`.
ELSEWHERE = {
    "README.md": "index.md",
    "docs/README.md": "contents.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_ITEM = re.compile(r"(?:\d+\.|[-*]) +(?=\S)")
#: How far what belongs to an entry of a list must stand in; the pages use the width of its mark, as most readers do.
_INDENT = 4
_FENCE = re.compile(r"^\s*(```|~~~)")


@cache
def pages() -> dict[str, str]:
    """Return file of the repository → page of the site, for every page."""
    found = {f"docs/{path.relative_to(ROOT / 'docs')}": str(path.relative_to(ROOT / "docs")) for path in _documents()}
    found |= {
        str(path.relative_to(ROOT)): f"connectors/{path.parent.name}.md" for path in ROOT.glob("connectors/*/README.md")
    }
    return found | ELSEWHERE


def _documents() -> list[Path]:
    return sorted((ROOT / "docs").rglob("*.md"))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside `docs/`; its README is the list of all pages here, not the front page."""
    listed = files.get_file_from_path("README.md")
    if listed is not None:
        files.remove(listed)
    for path, page in pages().items():
        if page != path.removeprefix("docs/"):
            files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # mkdocs' own
    """Turn the links of a page to where their files are on the site."""
    sources = {where: path for path, where in pages().items()}
    source = sources[page.file.src_uri]
    lines, is_code = [], False
    for line in _widened(markdown.splitlines()):
        if _FENCE.match(line):
            is_code = not is_code
        lines.append(line if is_code else _LINK.sub(lambda found: _turned(found, source, page.file.src_uri), line))
    return "\n".join(lines) + "\n"


def _widened(lines: list[str]) -> list[str]:
    """Return lines where what belongs to an entry of a list stands in as far as the site's Markdown wants it."""
    found: list[str] = []
    width, is_loose, is_code = 0, False, False
    for line in lines:
        mark = None if is_code else _ITEM.match(line)
        is_inside = bool(width) and line[:width].isspace() and len(line) > width
        if mark:
            if is_loose and found[-1].strip():
                found.append("")  # else the entry would be a part of the one before
            width, is_loose = mark.end(), False
        elif line.strip() and not is_inside:
            width, is_loose = 0, False
        is_loose |= bool(width) and not mark and (not line.strip() or bool(_FENCE.match(line)))
        if _FENCE.match(line):
            is_code = not is_code
        is_wide = not mark and is_inside and width < _INDENT
        found.append(" " * (_INDENT - width) + line if is_wide else line)
    return found


def _turned(found: re.Match[str], source: str, place: str) -> str:
    text, target = found[1], found[2]
    if re.match(r"[a-z]+:|#", target):
        return found[0]
    path, mark, anchor = target.partition("#")
    path = normpath(str(PurePosixPath(source).parent / path))
    if path in pages():
        return f"[{text}]({relpath(pages()[path], str(PurePosixPath(place).parent))}{mark}{anchor})"
    if path == "docs/decisions":
        return f"[{text}]({relpath('contents.md', str(PurePosixPath(place).parent))}#decisions)"
    if (ROOT / path).exists():
        return text
    return found[0]  # mkdocs says that it leads nowhere
