from __future__ import annotations

import html
import io
import re
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
import redis

from customer_sync.model import EventState
from customer_sync.store.breaker import Pause
from customer_sync.store.counters import Tally
from customer_sync.store.wrong_keys import FROM_ONE
from customer_sync.web import dashboard
from tests.programs import need

from .conftest import ADDRESS, KEY, Seed, with_key

OWN = {"Origin": "http://localhost"}
PAGES = ("/", "/live", "/events", "/parked")


class Page(HTMLParser):
    """The elements of a page; unbalanced tags are a fault."""

    VOID = frozenset({"meta", "link", "input", "img", "path", "circle", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.faults += self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.faults.append(tag)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def words(text: str) -> str:
    """Return what a person reads, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


@pytest.fixture
def busy(store, seed: Seed) -> dict[str, str]:
    """Fill the pages; return an event in every state."""
    ids = {str(state): seed.event(n, state) for n, state in enumerate(EventState)}
    seed.inbound()
    seed.item()
    store.ledger.alert("Lane contacts waits.", "Wait a little.")
    store.lanes.register("contacts", keeps="people")
    store.client.hset(
        "tajo:brk:contacts", items=["kind", "config", "reason", "No key.", "remedy", "Set it.", "since", 1]
    )
    store.set_note("worker_seen", {"at": 1})
    return ids


# every page ----------------------------------------------------------------------------------------------------------


def every_page(web, busy) -> list[str]:
    parked = [one["id"] for one in web.get("/api/v1/parked").json["items"]]
    return [*PAGES, f"/events/{busy['parked']}", *(f"/parked/{one}" for one in parked)]


def test_every_page_is_whole(web, busy):
    for path in every_page(web, busy):
        answer = web.get(path)
        page = Page(answer.text)
        ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)

        assert answer.status_code == 200, path
        assert page.faults == [], path
        assert [name for name, times in ids.items() if times > 1] == [], path


def test_every_page_loads_only_from_here_and_runs_nothing_of_its_own(web, busy):
    for path in every_page(web, busy):
        answer = web.get(path)
        page = Page(answer.text)

        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert not [a for _, a in page.elements if "style" in a or any(name.startswith("on") for name in a)], path
        assert page.all("style") == []
        assert all(one["src"].startswith("/static/") for one in page.all("script") + page.all("img"))
        assert all(one["href"].startswith("/static/") for one in page.all("link"))
        for one in {*(one["src"] for one in page.all("script")), *(one["href"] for one in page.all("link"))}:
            with web.get(one) as file:
                assert file.status_code == 200, one


def test_no_page_shows_an_address_unasked(web, busy):
    for path in every_page(web, busy):
        assert "example.com" not in web.get(path).text, path


def test_every_form_field_and_every_table_has_a_name(web, busy):
    for path in every_page(web, busy):
        page = Page(web.get(path).text)

        labels = len(page.all("label"))
        fields = [one for one in page.all("input") if one.get("type") != "hidden"] + page.all("select")
        assert labels == len(fields), path
        assert all("scope" in one for one in page.all("th")), path


def test_what_others_wrote_is_text_and_never_markup(web, seed: Seed, store):
    evil = "<script>alert(1)</script>"
    seed.inbound(evil)
    store.ledger.alert(evil, evil)

    for path in ("/", "/parked"):
        text = web.get(path).text
        assert evil not in text
        assert "&lt;script&gt;" in text


# the overview --------------------------------------------------------------------------------------------------------


def test_an_empty_overview_says_where_to_point_the_shop(web):
    text = words(web.get("/").text)

    assert "Ready for the first event." in text
    assert "http://localhost/webhooks/lumen" in text
    assert "TAJO_PUBLIC_URL" in text
    assert "tajo trigger" in text


def test_the_shop_is_pointed_to_the_public_address(make_app):
    app = make_app(public_url="https://tajo.example/")

    text = with_key(app).get("/").text
    assert "https://tajo.example/webhooks/tulip" in text
    assert "TAJO_PUBLIC_URL" not in text


def test_an_overview_without_a_source_says_how_to_begin(make_app):
    assert "tajo.yaml" in words(with_key(make_app(sources={})).get("/").text)


def test_the_overview_shows_figures_events_pauses_alerts_and_what_is_parked(web, busy, store):
    store.counters.add(_counted(delivered=999, parked=1))
    text = words(web.get("/").text)

    for expected in (
        "Success rate 99.9 %",
        "Error rate 0.1 %",
        "Lane contacts waits since",
        "No key.",
        "Set it.",
        "Wait a little.",
        "customer updated",
        "note of 2",
        "Brevo refused SMS.",
        "Compare the mapping.",
        "the sandbox, no account is touched; work for it waits",
    ):
        assert expected in text


def test_a_lane_to_another_destination_that_waits_says_nothing_against_brevo(web, store):
    store.lanes.register("writeback:tulip", keeps="records")
    store.breakers.trip("writeback:tulip", Pause("unavailable", "tulip did not answer", "Wait.", 5), wait_s=60)

    text = words(web.get("/").text)

    assert "Lane writeback:tulip waits since" in text
    assert "work for it waits" not in text


def _counted(**states: int):
    counted = Tally()
    for state, number in states.items():
        counted.count("tajo_events_total", by=number, source="lumen", state=state)
    return counted


def test_a_state_has_a_word_and_a_shape_of_its_own(web, busy):
    text = web.get("/events").text

    for state in EventState:
        assert f'href="#s-{state}"/></svg>{state}</span>' in text
        assert text.count(f'<symbol id="s-{state}"') == 1


def test_the_live_part_is_the_same_as_in_the_whole_page(web, seed: Seed):
    seed.event(1)
    live = [one["id"] for _, one in Page(web.get("/live").text).elements if "data-live" in one]

    whole = [one["id"] for _, one in Page(web.get("/").text).elements if "data-live" in one]

    assert live == whole
    assert len(set(live)) == len(live) > 5


def test_without_redis_the_overview_says_so_and_what_to_do(web, without_redis):
    answer = web.get("/")

    assert answer.status_code == 200
    assert "Redis does not answer." in words(answer.text)
    assert "Start Redis" in words(answer.text)
    for claim in ("nothing parked", "nothing delivered", "Nothing.", "None.", "0 people known", "not known yet"):
        assert claim not in words(answer.text)


@pytest.mark.parametrize("path", ["/events", "/parked", "/events/x", "/parked/x"])
def test_without_redis_other_pages_say_so_too(web, without_redis, path):
    answer = web.get(path)

    assert answer.status_code == 503
    assert "Redis does not answer." in words(answer.text)


# events --------------------------------------------------------------------------------------------------------------


def test_events_can_be_filtered(web, busy, seed: Seed):
    tulip = seed.event(50, source="tulip")

    assert tulip in web.get("/events?source=tulip").text
    assert busy["retrying"] not in web.get("/events?source=tulip").text
    assert busy["retrying"] in web.get("/events?state=retrying").text
    assert tulip not in web.get("/events?state=retrying").text
    assert "No such event." in web.get("/events?source=brevo").text
    assert web.get("/events?state=nonsense").status_code == 200


def test_every_event_leads_to_its_page(web, busy):
    links = {one["href"] for one in Page(web.get("/events").text).all("a") if one["href"].count("/") >= 2}
    links = {link for link in links if link.startswith(("/events/", "/parked/"))}

    assert len(links) >= len(EventState)
    assert {web.get(link).status_code for link in links} == {200}


def test_an_event_tells_each_step_with_the_time_it_took(web, seed: Seed):
    text = words(web.get(f"/events/{seed.event(7)}").text)

    assert "ignored nothing for Brevo in it" in text
    assert "delivered Brevo has it note of 7" in text
    assert re.search(r"\d+ ms after it was read", text)
    assert "customers/update" in text


def test_an_event_that_is_not_in_the_history_is_explained(web):
    answer = web.get("/events/none")

    assert answer.status_code == 404
    assert "200,000" in answer.text


# parked --------------------------------------------------------------------------------------------------------------


def test_nothing_parked_says_what_would_be_here(web):
    assert "Nothing is parked." in words(web.get("/parked").text)


def test_parked_things_stand_by_reason_with_what_to_do(web, seed: Seed):
    seed.inbound("A")
    seed.inbound("A", source="tulip")
    seed.item("B")

    text = words(web.get("/parked").text)

    assert "What to do: Fix the sender, then replay. 2 from lumen, tulip" in text
    assert "Replay all 2 : A" in text
    assert "person #12" in text


def test_what_a_parked_thing_holds_is_readable_and_no_box_is_empty(web, seed: Seed):
    of_item = web.get(f"/parked/{seed.item('Brevo refused `SMS`.')}?reveal=1").text
    of_request = web.get(f"/parked/{seed.inbound()}?reveal=1").text

    assert "Amélie" in html.unescape(of_item)
    assert "\\u00e9" not in of_item
    assert "<h1>Brevo refused <code>SMS</code>.</h1>" in of_item
    boxes = re.findall(r"<pre[^>]*>(.*?)</pre>", of_request, re.DOTALL)
    assert boxes
    assert all(box.strip() for box in boxes)


def test_a_group_is_replayed_without_a_script(web, seed: Seed, store):
    seed.inbound("A")
    seed.inbound("A")
    seed.inbound("B")

    answer = web.post("/parked/replay", data={"reason": "A"}, headers=OWN, follow_redirects=True)

    assert "2 sent again." in words(answer.text)
    assert store.parked.count() == 1
    assert store.inbox.depth()[0] == 2


@pytest.mark.parametrize(("verb", "waiting"), [("replay", 1), ("drop", 0)])
def test_one_thing_is_replayed_or_dropped_without_a_script(web, seed: Seed, store, verb, waiting):
    parked_id = seed.inbound("A")

    assert web.post(f"/parked/{parked_id}/{verb}", headers=OWN).status_code == 303
    assert web.post(f"/parked/{parked_id}/{verb}", headers=OWN).status_code == 303

    assert (store.parked.count(), store.inbox.depth()[0]) == (0, waiting)


def test_another_sites_form_changes_nothing(locked, seed: Seed, store):
    locked.post("/sign-in", data={"key": KEY})
    parked_id = seed.inbound("A")

    for path in ("/parked/replay", f"/parked/{parked_id}/drop"):
        answer = locked.post(path, data={"reason": "A"}, headers={"Origin": "http://attacker.example"})
        assert answer.status_code == 403

    assert store.parked.count() == 1


def test_what_a_parked_thing_holds_is_shown_when_asked_for(web, seed: Seed, caplog):
    parked_id = seed.inbound()

    assert ADDRESS in web.get(f"/parked/{parked_id}?reveal=1").text
    assert "parked content shown" in caplog.text


def test_a_count_that_is_none_is_not_repeated(web):
    assert "sent again" not in web.get("/parked?done=<b>").text


# who may look --------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(make_app):
    """A browser that is not signed in."""
    return make_app().test_client()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_asks_to_sign_in(locked, path):
    answer = locked.get(path)

    assert answer.status_code == 302
    assert answer.location.startswith("/sign-in?next=")


def test_the_key_opens_the_page_that_was_asked_for(locked):
    asked = locked.get("/events?state=parked").location
    form = Page(locked.get(asked).text)
    hidden = next(one for one in form.all("input") if one["type"] == "hidden")

    answer = locked.post("/sign-in", data={"next": hidden["value"], "key": "the-key"})

    assert (answer.status_code, answer.location) == (303, "/events?state=parked")
    assert locked.get("/events").status_code == 200
    assert "Sign out" in locked.get("/").text


def test_a_wrong_key_opens_nothing(locked):
    answer = locked.post("/sign-in", data={"key": "the-kez"})

    assert answer.status_code == 401
    assert "This is not the key." in answer.text
    assert "Set-Cookie" not in answer.headers
    assert locked.get("/").status_code == 302


def test_who_tries_many_keys_is_told_to_wait_and_the_right_one_still_opens(locked):
    for _ in range(FROM_ONE):
        assert locked.post("/sign-in", data={"key": "the-kez"}).status_code == 401

    answer = locked.post("/sign-in", data={"key": "the-kez"})

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Too many wrong API keys." in answer.text
    assert locked.post("/sign-in", data={"key": "the-key"}).status_code == 303


def test_signing_out_closes_everything_again(locked):
    locked.post("/sign-in", data={"key": "the-key"})

    assert locked.post("/sign-out", headers={"Origin": "http://localhost"}).status_code == 303
    assert locked.get("/").status_code == 302


def test_a_cookie_that_was_copied_before_the_sign_out_opens_nothing_after_it(locked, make_app):
    copied = locked.post("/sign-in", data={"key": "the-key"}).headers["Set-Cookie"]
    thief = make_app().test_client(use_cookies=False)
    assert thief.get("/", headers={"Cookie": copied}).status_code == 200

    locked.post("/sign-out", headers={"Origin": "http://localhost"})

    assert thief.get("/", headers={"Cookie": copied}).status_code == 302
    assert thief.get("/api/v1/status", headers={"Cookie": copied}).status_code == 401


def test_without_redis_nobody_is_signed_out_and_no_cookie_counts(locked, monkeypatch):
    locked.post("/sign-in", data={"key": "the-key"})
    with monkeypatch.context() as away:
        away.setattr("customer_sync.store.sessions.Sessions.is_ended", refuse)
        away.setattr("customer_sync.store.sessions.Sessions.end", refuse)

        answers = [locked.get("/"), locked.get("/api/v1/status"), locked.post("/sign-out", headers=OWN)]

        assert locked.get("/metrics").status_code == 503
        assert {answer.status_code for answer in answers} == {503}
        assert all("Start Redis" in answer.text for answer in answers)
        bearer = {"Authorization": "Bearer the-key"}
        assert locked.get("/api/v1/status", headers=bearer).status_code == 200
    assert locked.get("/").status_code == 200


def refuse(*_):
    raise redis.ConnectionError("refused")


def test_who_is_signed_in_may_replay_from_our_pages_only(locked, seed: Seed, store):
    locked.post("/sign-in", data={"key": "the-key"})
    seed.inbound("A")

    assert locked.post("/parked/replay", data={"reason": "A"}).status_code == 403
    assert locked.post("/parked/replay", data={"reason": "A"}, headers=OWN).status_code == 303
    assert store.parked.count() == 0


@pytest.mark.parametrize(
    "goal",
    [
        "https://attacker.example",
        "//attacker.example",
        "/\\attacker.example",
        "/\t/attacker.example",
        "javascript:1",
        "",
    ],
)
def test_signing_in_never_leads_to_another_site(locked, goal):
    answer = locked.post("/sign-in", data={"next": goal, "key": "the-key"})

    assert answer.location == "/"


@pytest.fixture
def link(store) -> str:
    """The path of a new sign-in link."""
    return f"/sign-in?link={store.sessions.make_link()}"


def test_a_link_signs_a_browser_in_and_leads_to_the_overview(locked, link):
    answer = locked.get(link)

    assert answer.status_code == 200
    assert answer.headers["Refresh"] == "0; url=/"
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'href="/"' in answer.text
    assert locked.get("/").status_code == 200


def test_a_link_that_was_used_opens_nothing_and_says_how_to_get_another(locked, make_app, link):
    locked.get(link)

    answer = make_app().test_client().get(link)

    assert answer.status_code == 401
    assert "tajo sign-in" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_who_is_signed_in_and_clicks_again_is_led_to_the_overview(locked, link):
    locked.get(link)

    assert locked.get(link).location == "/"


def test_a_preview_of_a_link_does_not_use_it_up(locked, make_app, link):
    assert "Set-Cookie" not in make_app().test_client().head(link).headers

    assert locked.get(link).status_code == 200


def test_a_large_form_is_refused_before_it_is_read(locked):
    sent = {"key": (io.BytesIO(b"x" * 100_000), "a-file")}

    assert locked.post("/sign-in", data=sent).status_code == 413


def test_a_page_that_does_not_exist_leads_back(web):
    answer = web.get("/nothing")

    assert answer.status_code == 404
    assert 'href="/"' in answer.text


# shape of the files --------------------------------------------------------------------------------------------------


def test_style_and_script_are_small():
    folder = Path(dashboard.__file__).parent / "static"

    assert sum(path.stat().st_size for path in folder.iterdir()) < 40_000


def test_the_script_can_be_parsed():
    script = Path(dashboard.__file__).parent / "static" / "tajo.js"

    done = subprocess.run([need("node"), "--check", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_every_shape_that_is_used_is_drawn(web, busy):
    text = web.get("/").text + web.get("/events").text

    assert set(re.findall(r'href="#s-(\w+)"', text)) <= set(re.findall(r'<symbol id="s-(\w+)"', text))


def test_the_overview_tells_the_latency_of_what_only_runs_brought(web, store):
    counted = Tally()
    counted.observe_latency(3.0, source="lumen", way="pull")
    store.counters.add(counted)

    page = web.get("/").text

    assert "read by a run to Brevo · half within" in page
