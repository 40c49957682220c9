"""Every piece of the documents' code, run as it stands against the running service: which test runs which, all of them.

| piece | test |
|---|---|
| `TajoClient` in Python | `test_the_python_code_runs` |
| `TajoClient` in JavaScript | `test_the_javascript_code_runs`, `test_..._without_an_address_is_told_what_is_missing` |
| `ConnectorSDK` in JavaScript | `test_the_connector_is_described_and_its_webhook_arrives` |
| the three bodies of events | `test_the_bodies_of_events_are_taken` |
| the pages of this repository | `test_our_own_pages_run` |

The configs are run by `tests/config/test_seeds.py`. What is given beside the code: the key and the address of the
service by the environment, an e-mail address where the documents hide it, and `import os`, which they leave out.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections import Counter

import pytest

from tajo import TajoClient
from tests.clients.hands import JS
from tests.clients.service import BREVO_KEY, KEY
from tests.clients.snippets import HIDDEN, snippets
from tests.docs.pages import ROOT, blocks
from tests.programs import need
from tests.seeds import SEEDS

SNIPPETS = snippets()
PAGES = (
    "docs/clients.md",
    "clients/python/README.md",
    "clients/js/sdk/README.md",
    "clients/js/connector-sdk/README.md",
)
BLOCKS = [block for page in PAGES for block in blocks(page) if block.language in {"python", "js"}]


def of(kind):
    return [pytest.param(one.text, id=str(one)) for one in SNIPPETS if one.kind.startswith(kind)]


@pytest.fixture
def jane():
    return f"jane.{secrets.token_hex(4)}@mail.example"


@pytest.fixture
def run(service, tmp_path):
    """Run code as somebody does who installed both clients."""
    modules = tmp_path / "node_modules" / "@tajo"
    modules.mkdir(parents=True)
    for name in ("sdk", "connector-sdk"):
        (modules / name).symlink_to(JS / name)
    env = {**os.environ, "TAJO_API_KEY": KEY, "BREVO_API_KEY": BREVO_KEY, "TAJO_URL": service.url}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}

    def ran(language, text):
        path = tmp_path / f"code.{ {'python': 'py', 'js': 'mjs'}[language] }"
        path.write_text(text, encoding="utf-8")
        command = [sys.executable if language == "python" else need("node"), path.name]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)

    return ran


def set_back(service):
    """Set the skill back to what the file says, so that tests do not depend on one another."""
    with TajoClient(KEY, base_url=service.url) as client:
        client.skills.reset("customer-sync")


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the published documents are not beside the repository")
def test_every_piece_is_found():
    kinds = Counter(one.kind.rstrip("0123456789") for one in SNIPPETS)

    assert kinds == {"python": 3, "sdk": 3, "connector": 2, "event": 9}


@pytest.mark.parametrize("code", of("python"))
def test_the_python_code_runs(run, service, jane, code):
    done = run("python", f"import os\n{with_address(code, jane)}")
    service.work()

    assert (done.returncode, done.stderr) == (0, "")
    assert service.attributes(jane)["TOTAL_ORDERS"] == 10
    set_back(service)


@pytest.mark.parametrize("code", of("sdk"))
def test_the_javascript_code_runs(run, service, jane, code):
    done = run("js", with_address(code, jane))
    service.work()

    assert (done.returncode, done.stderr) == (0, "")
    assert service.attributes(jane) == {"FIRSTNAME": "Jane", "LASTNAME": "Smith"}
    set_back(service)


@pytest.mark.parametrize("code", of("sdk")[:1])
def test_the_javascript_code_without_an_address_is_told_what_is_missing(run, service, code):
    done = run("js", code)

    assert done.returncode == 1
    assert "Refused: data.email" in done.stderr
    set_back(service)


def with_address(code, address):
    """Fill the hidden address in, or put its line back that was lost on the way: in the data of the last call."""
    if HIDDEN.search(code):
        return HIDDEN.sub(address, code)
    head, word, data = code.rpartition("data")
    quote = data[0] if data[0] in "'\"" else ""
    mark = quote or "'"
    return f"{head}{word}" + data.replace("{", f"{{ {quote}email{quote}: {mark}{address}{mark},", 1)


@pytest.mark.parametrize("code", of("connector"))
def test_the_connector_is_described_and_its_webhook_arrives(run, service, jane, code):
    body = {"contact": {"email": jane, "full_name": "Jane Smith"}}
    more = f"""
    import {{ TajoClient }} from '@tajo/sdk';
    console.log(JSON.stringify(connector));
    await connector.handleWebhook('/webhooks/customer', {json.dumps(body)}, {{ client: new TajoClient() }});
    """
    done = run("js", code + more)
    service.work()

    assert (done.returncode, done.stderr) == (0, "")
    described = json.loads(done.stdout)
    assert described["resources"]["customers"]["mapping"] == {"email": "contact.email", "name": "contact.full_name"}
    assert described["auth"]["token_url"] == "https://api.myplatform.com/oauth/token"
    assert described["webhooks"]["events"]["order_placed"]["path"] == "/webhooks/order"
    assert jane in service.sandbox.contacts()


@pytest.mark.parametrize("body", of("event"))
def test_the_bodies_of_events_are_taken(service, jane, body):
    event = json.loads(with_address(body, jane))
    with TajoClient(KEY, base_url=service.url) as client:
        assert client.events.send(event)["accepted"] == 1
        assert client.skills.trigger("customer-sync", event)["accepted"] == 1


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_our_own_pages_run(run, service, block):
    """Every block stands for itself; addresses of the pages are filled in, and what never ends is cut."""
    text = re.sub(r"https?://(?:sync\.example\.com|127\.0\.0\.1:8000)", service.url, block.text)
    done = run(block.language, text)

    assert (done.returncode, done.stderr) == (0, ""), text
    set_back(service)


def test_the_pages_show_both_languages():
    assert {block.language for block in BLOCKS} == {"python", "js"}
    assert len(BLOCKS) >= 8
