"""The overview in a real browser: what only a browser can tell."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest
from flask import Flask
from werkzeug.serving import make_server

from customer_sync.store import keys
from customer_sync.store.run import RunKind, RunState
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
#: Added to the page's script. In a frame it tells the page around it what does not fit on the screen: by how much the
#: page is wider, what lies on something else in the frame of the page, and whether the person of an event is seen.
#: With `#keyboard` it puts the keyboard on the newest event, and tells at the end where the keyboard is.
PROBE = b"""
const whole = document.documentElement, told = top.document.documentElement.dataset;
setTimeout(() => {
  const box = (where) => document.querySelector(where)?.getBoundingClientRect();
  const [out, live, who] = [box(".top form"), box("#live"), box(".events .who:not(:empty)")];
  const frames = [whole, ...document.querySelectorAll("main, .panel")];
  told.tooWide = Math.max(...frames.map((one) => one.scrollWidth - one.clientWidth));
  told.screen = innerWidth;
  told.sticking = [...document.querySelectorAll("main *")]
    .filter((one) => !one.closest("thead") && one.getBoundingClientRect().right > innerWidth)
    .map((one) => one.tagName + "." + one.className).slice(0, 6).join(" ");
  told.overlap = Boolean(out && live && out.left < live.right && live.left < out.right
    && out.top < live.bottom && live.top < out.bottom);
  told.who = who ? Math.round(who.width) : "none";
}, 300);
if (location.hash === "#keyboard") {
  document.querySelector("#events tbody a").focus();
  setInterval(() => { told.keyboard = document.activeElement.getAttribute("href"); }, 500);
}
if (location.hash === "#marked") {
  getSelection().selectAllChildren(document.querySelector("#events tbody"));
  setInterval(() => { told.live = document.getElementById("live").textContent; }, 500);
}
"""
#: Browsers make no window narrower than 500 pixels; a frame may have any width.
PHONE = '<!doctype html><html lang="en"><iframe width="390" height="3000" style="border:0" src="%s"></iframe></html>'


@pytest.fixture
def site(make_app, seed: Seed, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the overview to whoever asks; an event arrives each time that the page asks what is new."""
    policy = dashboard.POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
    monkeypatch.setattr(dashboard, "POLICY", policy)
    app = make_app()
    inner, arrived = app.wsgi_app, iter(range(1000, 2000))

    def wsgi_app(environ, start_response):
        if environ["PATH_INFO"] == "/phone":
            start_response("200 OK", [("Content-Type", "text/html")])
            return [(PHONE % environ["QUERY_STRING"]).encode()]
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


@pytest.mark.parametrize("path", ["/", "/events", "/runs", "/parked", "/imports"])
def test_everything_fits_on_the_screen_of_a_phone(browse, site, seed: Seed, store, path):
    seed.event("a-very-long-event-id-" * 4, source="a_source_with_a_long_name_as_people_give_them")
    seed.inbound("customer.default_address.country_code_that_is_very_long_indeed: found a list")
    store.ledger.alert("An alert with a_word_that_is_much_longer_than_the_screen_of_any_phone_there_is_today.", "Look.")
    row = {"e": "x1", "s": "lumen", "k": "customer_updated", "t": "", "st": "delivered", "p": "12"}
    store.client.xadd(keys.LEDGER, row)
    for _ in range(2):
        run = store.runs.start("lumen", RunKind.FULL)
        store.runs.move(run, (RunState.RUNNING,), RunState.DONE)

    page, _ = browse(f"{site}/phone?{path}", for_s=1)

    found = dict(re.findall(r'data-([a-z-]+)="([^"]*)"', page.partition(">")[2].partition(">")[0]))
    assert found["screen"] == "390"
    assert (found["too-wide"], found["sticking"]) == ("0", "")
    assert found["overlap"] == "false"
    assert path not in {"/", "/events"} or int(found["who"]) > 20


def test_the_keyboard_stays_on_its_event_while_new_ones_come(browse, site, seed: Seed):
    event_id = seed.event(1)

    page, _ = browse(f"{site}/#keyboard", for_s=7)

    assert "note of 1001" in page
    assert event_id in unquote(re.findall(r'data-keyboard="([^"]*)"', page)[0])


def test_while_text_is_marked_the_button_says_that_the_part_is_held(browse, site, seed: Seed):
    seed.event(1)

    page, _ = browse(f"{site}/#marked", for_s=7)

    assert "note of 1001" not in page
    assert re.search(r'data-live="\s*Live, held where you are', page)


def test_a_sign_in_link_opens_the_overview_at_one_click(browse, make_app, store, seed: Seed):
    seed.event(1)

    with served(make_app()) as url:
        page, logged = browse(f"{url}/sign-in?link={store.sessions.make_link()}", for_s=3)

    assert "note of 1<" in page
    assert logged == ""
