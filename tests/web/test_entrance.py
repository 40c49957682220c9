"""Who gets in: every route of the web process, asked by everybody who has no key."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from customer_sync.base.embedded import free_port
from customer_sync.errors import ConfigError
from tests.programs import need
from tests.reliability.servers import wait_until

from .conftest import KEY, MakeApp, Seed
from .test_browser import served

#: What answers everybody, and why: health says nothing of anybody, connecting has tickets of its own, signing in is for
#: those who have no cookie yet.
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/static/<path:filename>"),
    ("GET", "/connect/<source>/start"),
    ("GET", "/connect/<source>/callback"),
    ("POST", "/connect/<source>/callback"),
    ("GET", "/connect/<source>/done"),
}
#: As which, and from where, a request may come.
CALLERS = {
    "this machine": {},
    "this machine by name": {"Host": "localhost"},
    "a plain proxy on this machine": {"Host": "127.0.0.1:8000"},
    "a proxy that tells": {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X-Real-IP": "127.0.0.1"},
    "a name that was led to this machine": {"Host": "attacker.example"},
    "the public name": {"Host": "tajo.example", "X-Forwarded-Proto": "https"},
    "a page of ours": {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8000"},
    "a program": {"Content-Type": "application/json"},
    "another path, told by a proxy": {
        "X-Original-URL": "/healthz",
        "X-Rewrite-URL": "/healthz",
        "X-Forwarded-Prefix": "/",
    },
    "another verb, told by a program": {"X-HTTP-Method-Override": "GET"},
}


def routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (verb, rule.rule) for rule in app.url_map.iter_rules() for verb in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def path_of(rule: str) -> str:
    """Return a path of a rule, each variable filled with something."""
    return re.sub(r"<[^>]+>", "1", re.sub(r"<any\((\w+)[^>]*>", r"\1", rule))


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
def test_no_route_but_the_open_ones_answers_without_the_key(make_app: MakeApp, caller):
    app = make_app(public_url="https://tajo.example")
    closed = routes(app) - OPEN
    assert routes(app) > OPEN
    assert len(closed) > 30

    for verb, rule in sorted(closed):
        for told in (verb, "HEAD", "OPTIONS") if verb == "GET" else (verb,):
            answer = app.test_client().open(path_of(rule), method=told, headers=caller)
            is_led_away = answer.status_code == 302 and answer.location.startswith("/sign-in?next=")
            assert is_led_away or answer.status_code == 401, (told, rule, answer.status_code)


def test_a_route_that_somebody_adds_is_closed(make_app: MakeApp):
    app = make_app()
    app.add_url_rule("/new", view_func=lambda: "personal data")

    assert app.test_client().get("/new").status_code == 302


def test_the_key_opens_what_is_closed(web):
    assert web.get("/api/v1/status").status_code == 200
    assert web.get("/metrics").status_code == 200
    assert web.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/webhooks/lumen", "/webhooks/lumen/more", "/webhooks/brevo", "/webhooks/nobody"])
def test_the_ingress_hands_nothing_out_and_takes_nothing_unsigned(make_app: MakeApp, store, path):
    caller = make_app().test_client()

    assert caller.get(path).status_code in {404, 405}
    assert caller.post(path, data=b"{}").status_code in {401, 404, 429}
    assert store.inbox.depth()[0] == 0


@pytest.mark.parametrize("path", ["//", "//events", "/./events", "/%2e/events", "/static/../events"])
def test_a_path_that_is_spelled_otherwise_opens_nothing(make_app: MakeApp, seed: Seed, path):
    seed.event(1)

    assert "note of 1" not in make_app().test_client().get(path, follow_redirects=True).text


# the key that is made


def test_without_a_key_one_is_made_at_the_first_start_and_stays(make_app: MakeApp, tmp_path: Path):
    first = make_app(api_key=None).test_client()
    file = tmp_path / "api.key"
    key = file.read_text().strip()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(key) > 40
    assert first.get("/").status_code == 302
    assert first.get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    make_app(api_key=None)
    assert file.read_text().strip() == key


def test_a_key_that_is_set_counts_and_the_file_does_not(make_app: MakeApp, tmp_path: Path):
    make_app(api_key=None)
    made = (tmp_path / "api.key").read_text().strip()

    caller = make_app(api_key=KEY).test_client()

    assert caller.get("/metrics", headers={"Authorization": f"Bearer {made}"}).status_code == 401


@pytest.mark.parametrize("text", ["", "abc123\n", "x" * 40])
def test_a_key_file_that_can_be_guessed_is_refused_at_start_and_not_shown(make_app: MakeApp, tmp_path: Path, text):
    (tmp_path / "api.key").write_text(text)

    with pytest.raises(ConfigError, match="Delete the file") as told:
        make_app(api_key=None)

    assert not text.strip() or text.strip() not in str(told.value)


# a real proxy


@pytest.fixture
def nginx(make_app: MakeApp, tmp_path: Path) -> Iterator[str]:
    """The address of an nginx that adds nothing to what it hands on to the web process."""
    program = need("nginx")
    with served(make_app()) as url:
        port = free_port()
        config = tmp_path / "nginx.conf"
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "".join(f"{kind}_temp_path {tmp_path};" for kind in kinds)
        config.write_text(
            f"daemon off; pid {tmp_path}/nginx.pid; error_log stderr; events {{}} http {{ access_log off; {places}"
            f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {url}; }} }} }}"
        )
        with subprocess.Popen([program, "-p", str(tmp_path), "-c", str(config)], stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: status_of(f"http://127.0.0.1:{port}/healthz") == 200, "nginx")
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def status_of(url: str, method: str = "GET", body: object = None, **headers: str) -> int:
    data = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, named, method=method)
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_behind_a_plain_proxy_nobody_gets_in_without_the_key(nginx: str, seed: Seed, store):
    parked_id = seed.inbound("A")
    given = {"Content_Type": "application/json"}

    assert status_of(f"{nginx}/") == 302
    assert status_of(f"{nginx}/parked/{parked_id}?reveal=1") == 302
    assert status_of(f"{nginx}/metrics") == 401
    assert status_of(f"{nginx}/api/v1/parked/{parked_id}?reveal=1") == 401
    assert status_of(f"{nginx}/api/v1/parked/{parked_id}", "DELETE") == 401
    assert status_of(f"{nginx}/api/v1/runs", "POST", {"source": "lumen"}, **given) == 401
    assert store.parked.count() == 1
    assert status_of(f"{nginx}/metrics", Authorization=f"Bearer {KEY}") == 200


def test_behind_a_plain_proxy_a_link_signs_in_and_the_buttons_work(nginx: str, seed: Seed, store):
    seed.inbound("A")
    with urllib.request.urlopen(f"{nginx}/sign-in?link={store.sessions.make_link()}", timeout=5) as answer:
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    ours = {"Origin": "https://tajo.example", "Sec_Fetch_Site": "same-origin", "Cookie": cookie}

    assert status_of(f"{nginx}/", Cookie=cookie) == 200
    assert status_of(f"{nginx}/sign-out", "POST", Cookie=cookie, Origin="https://attacker.example") == 403
    assert status_of(f"{nginx}/sign-out", "POST", **ours) == 303
    assert status_of(f"{nginx}/", Cookie=cookie) == 302
