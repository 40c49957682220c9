"""Every command line of the published documents, for the platforms that there are, runs as it stands there."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import pytest

from connectors.shopify.fake.settings import Settings
from customer_sync.registry import platforms
from customer_sync.store.run import RunKind, RunState
from tests.seeds import SEEDS
from tests.stores.servers import store_server

#: A command of the documents: on one line, or over several with a backslash at the end.
LINE = re.compile(r"tajo (?:connectors|skills) (?:(?!tajo )[\w$./=-]+[ \t]*(?:\\\s+)?)+")
#: What is glued to a command where a document lost its line ends.
GLUED = re.compile(
    r"(?<=SHOPIFY_API_KEY)\d.*|(?<=--full)\d.*|(?<=abandoned-cart)tajo.*|(?<=customer-sync)[^\x00-\x7f].*"
)
#: From pages of which only the beginning is known.
OTHERS = ("tajo connectors install shopify --shop-url your-store.myshopify.com --api-key $KEY --api-secret $SECRET",)
SHOP = Settings()
ENV = {
    "SHOPIFY_API_KEY": SHOP.client_id,
    "SHOPIFY_API_SECRET": SHOP.client_secret,
    "KEY": SHOP.client_id,
    "SECRET": SHOP.client_secret,
}


def found_in(text: str) -> list[str]:
    """Return the commands of a document, each on one line."""
    commands = []
    for match in LINE.finditer(GLUED.sub("", text)):
        words = " ".join(match[0].replace("\\", " ").split())
        commands.append(words)
    return commands


def lines() -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("*.txt"))]
    return list(dict.fromkeys([*(line for text in texts for line in found_in(text)), *OTHERS]))


@pytest.fixture(scope="module")
def shopify():
    with store_server("shopify", "--customers", "3", "--schema", "none", "--shop", "your-store.myshopify.com") as shop:
        yield shop


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the published documents are not beside the repository")
def test_the_documents_hold_commands():
    verbs = {" ".join(line.split()[1:3]) for line in lines()}

    assert verbs == {"connectors connect", "connectors install", "connectors sync", "skills enable"}


@pytest.mark.parametrize("line", lines())
def test_every_published_command_runs(tajo, store, shopify, monkeypatch, line):
    _, *words = [re.sub(r"^\$(\w+)$", lambda match: ENV[match[1]], word) for word in shlex.split(line)]
    verb, name = words[1], words[2]
    assert verb == "enable" or name in platforms()
    more: list[str] = []
    if verb in {"connect", "install"}:
        tajo.config.unlink()
        more = ["--base-url", shopify.address]
    if verb == "sync":
        monkeypatch.setattr("customer_sync.cli.sync._check_worker", lambda _: None)
        monkeypatch.setattr("customer_sync.cli.sync.watch", lambda find: done(find()))
        tajo.config.write_text(tajo.config.read_text().replace("api_secret:", "api_key: k\n    api_secret:"))

    tajo(*words, *more, **ENV)

    if verb in {"connect", "install"}:
        assert "shopify:\n" in tajo.config.read_text()
        assert SHOP.client_secret not in tajo.config.read_text()
    if verb == "sync":
        assert [run.kind for run in store.runs.recent()] == [RunKind.FULL]


def done(run):
    """Return a run as it is when a worker has done it."""
    return replace(run, state=RunState.DONE)
