"""The overview in a real browser: what only a browser can tell."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from customer_sync.web import dashboard
from tests.programs import need

from .conftest import KEY, Seed

pytestmark = pytest.mark.slow

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    *("--enable-logging=stderr", "--hide-scrollbars"),
]


@pytest.fixture(scope="module")
def chromium() -> str:
    return need("chromium")


@pytest.fixture
def browse(chromium: str, tmp_path: Path) -> Callable[..., tuple[str, str]]:
    """Open an address and let some seconds pass for the page; return what it became, and what the browser logged."""

    def open_page(url: str, *, for_s: int, width: int = 1280) -> tuple[str, str]:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        watch = [f"--virtual-time-budget={for_s * 1000}", f"--window-size={width},2000", "--dump-dom", url]
        done = subprocess.run(
            [chromium, *FLAGS, profile, *watch], capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)

    return open_page


SCRIPT = Path(dashboard.__file__).parent / "static" / "tajo.js"
#: Added to the page's script: writes into the page by how much it is wider than the screen.
PROBE = b"""
const whole = document.documentElement;
setTimeout(() => { whole.dataset.tooWide = whole.scrollWidth - innerWidth; }, 300);
"""


@pytest.fixture
def site(make_app, seed: Seed) -> Iterator[str]:
    """Serve the overview to whoever asks; an event arrives each time that the page asks what is new."""
    app = make_app()
    inner, arrived = app.wsgi_app, iter(range(1000, 2000))

    def wsgi_app(environ, start_response):
        if environ["PATH_INFO"] == "/live":
            seed.event(next(arrived))
        if environ["PATH_INFO"] == "/static/tajo.js":
            start_response("200 OK", [("Content-Type", "text/javascript")])
            return [SCRIPT.read_bytes() + PROBE]
        return inner({**environ, "HTTP_AUTHORIZATION": f"Bearer {KEY}"}, start_response)

    app.wsgi_app = wsgi_app
    with served(app) as url:
        yield url


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an app while the block lasts; give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_overview_renews_itself_and_breaks_no_rule_of_its_policy(browse, site, seed: Seed):
    seed.event(1)

    page, logged = browse(f"{site}/", for_s=7)

    assert "note of 1<" in page
    assert "note of 1000" in page
    assert "note of 1001" in page
    assert re.search(r'<tr data-id="[^"]*100\d" class="fresh">', page)
    assert re.search(r'<p id="lost"[^>]* hidden="">', page)
    assert logged == ""


@pytest.mark.parametrize("path", ["/", "/events", "/parked"])
def test_nothing_sticks_out_of_the_page_of_a_phone(browse, site, seed: Seed, store, path):
    seed.event("a-very-long-event-id-" * 4)
    seed.inbound("customer.default_address.country_code_that_is_very_long_indeed: found a list")
    store.ledger.alert("An alert with a_word_that_is_much_longer_than_the_screen_of_any_phone_there_is_today.", "Look.")

    page, _ = browse(site + path, for_s=1, width=390)

    assert "Sign out" in page
    assert 'data-too-wide="0"' in page


def test_a_sign_in_link_opens_the_overview_at_one_click(browse, make_app, store, seed: Seed):
    seed.event(1)

    with served(make_app()) as url:
        page, logged = browse(f"{url}/sign-in?link={store.sessions.make_link()}", for_s=3)

    assert "note of 1<" in page
    assert logged == ""
