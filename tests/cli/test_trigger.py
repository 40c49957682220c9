"""`tajo trigger`: a sample that the service takes for genuine, each time anew."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from customer_sync.cli.freshen import freshen
from customer_sync.cli.trigger import fixtures_of, read_fixture
from customer_sync.errors import Refused
from customer_sync.kit.connector import Connector, SourceSettings, json_object
from customer_sync.loading import load_settings
from customer_sync.model import Event, Inbound, Kind
from customer_sync.registry import connector_for, platforms

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SAMPLES = [
    pytest.param(platform, path, id=f"{platform}/{name}")
    for platform in sorted(platforms())
    for name, path in fixtures_of(platforms()[platform]).items()
    if set(json.loads(path.read_text())["expect"]) == {"events"} and json.loads(path.read_text())["expect"]["events"]
]


class Service:
    """Answers like the ingress: 202 for what is signed, 401 for what is not; keeps what came."""

    def __init__(self, tajo):
        settings = load_settings(tajo.config, tajo.env)
        self.connectors = {name: connector_for(one) for name, one in settings.sources.items()}
        self.taken, self.paths = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer.paths.append(self.path)
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                inbound = Inbound(self.path.split("/")[2], headers, body, datetime.now(UTC))
                connector = outer.connectors[inbound.source]
                try:
                    connector.verify(inbound, connector.settings.secrets)
                    outer.taken.append(inbound)
                    status = 202
                except Refused:
                    status = 401
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def events(self):
        return [event for one in self.taken for event in self.connectors[one.source].parse(one)]

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def service(tajo):
    found = Service(tajo)
    yield found
    found.stop()


def test_a_sample_is_signed_with_the_secret_of_the_source(tajo, service):
    told = tajo("trigger", "woocommerce", "customer_updated", "--url", service.url).stdout

    assert service.paths == ["/webhooks/woo"]
    assert [event.kind for event in service.events()] == [Kind.CUSTOMER_UPDATED]
    assert "→ 202" in told
    assert "Events: customer_updated" in told


def test_a_sample_of_another_shop_becomes_one_of_this_shop(tajo, service):
    tajo("trigger", "shopify", "customers_update", "--url", service.url)

    assert service.taken[0].headers["x-shopify-shop-domain"] == "demo.myshopify.com"


def test_each_time_is_a_new_event_of_the_same_customer_that_happened_now(tajo, service):
    for _ in range(2):
        tajo("trigger", "shopify", "customers_update", "--url", service.url)

    one, two = service.events()
    assert one.id != two.id
    assert one.customer_id == two.customer_id
    assert (datetime.now(UTC) - one.occurred_at).total_seconds() < 60


def test_again_sends_it_as_it_is(tajo, service):
    for _ in range(2):
        tajo("trigger", "woocommerce", "customer_updated", "--url", service.url, "--again")

    one, two = service.events()
    assert one.id == two.id
    assert service.taken[0].body == service.taken[1].body


def test_samples_are_listed_when_none_is_named(tajo):
    assert "customers_update" in tajo("trigger", "shopify").stdout.splitlines()
    assert "customers_update" in tajo.json("trigger", "shopify")


def test_what_is_not_there_ends_with_code_5_and_a_guess(tajo):
    assert "Did you mean shopify?" in tajo("trigger", "shopfy", code=5).stderr
    assert "Did you mean customers_update?" in tajo("trigger", "shopify", "customer_update", code=5).stderr


def test_a_platform_without_a_source_is_wrong_use(tajo):
    tajo.config.write_text("connectors: {}\n")

    assert "tajo init" in tajo("trigger", "shopify", "customers_update", code=2).stderr


def test_one_of_several_sources_must_be_chosen(tajo, service):
    tajo.config.write_text(
        "connectors: {a: {platform: shopify, api_secret: x}, b: {platform: shopify, api_secret: y}}\n"
    )
    service.connectors = {one: connector_for(SourceSettings(one, "shopify", (secret,))) for one, secret in ("ax", "by")}

    assert "--source a | b" in tajo("trigger", "shopify", "customers_update", code=2).stderr
    tajo("trigger", "shopify", "customers_update", "--source", "b", "--url", service.url)
    assert service.paths == ["/webhooks/b"]
    assert "No source c of shopify" in tajo("trigger", "shopify", "customers_update", "--source", "c", code=2).stderr


def test_a_source_without_a_secret_cannot_sign(tajo):
    tajo.config.write_text("connectors: {shopify: {options: {sync_mode: batch}}}\n")

    assert "no webhook secret" in tajo("trigger", "shopify", "customers_update", code=2).stderr


def test_a_refusal_ends_with_code_1_and_the_likely_reason(tajo, service):
    service.connectors["woo"] = connector_for(SourceSettings("woo", "woocommerce", ("other",)))

    facts = tajo.json("trigger", "woocommerce", "customer_updated", "--url", service.url, code=1)
    told = tajo("trigger", "woocommerce", "customer_updated", "--url", service.url, code=1).stderr

    assert facts["status"] == 401
    assert "secret of tajo.yaml" in told


def test_a_service_that_does_not_answer_ends_with_code_4(tajo):
    tajo("trigger", "woocommerce", "customer_updated", "--url", "http://127.0.0.1:1", code=4)


def test_a_sample_that_cannot_be_read_is_sent_as_it_is_and_said_to_be_parked(tajo, service):
    told = tajo("trigger", "woocommerce", "broken_html", "--url", service.url).stdout

    assert len(service.taken) == 1
    assert "will be parked: `tajo parked list`" in told
    assert "Events" not in told
    assert tajo.json("trigger", "woocommerce", "broken_html", "--url", service.url)["parked"]


def test_a_sample_that_concerns_nobody_says_so(tajo, service):
    assert "Events: none: nothing of it" in tajo("trigger", "shopify", "topic_unknown", "--url", service.url).stdout


def test_a_ping_is_sent_as_the_platform_sends_it_without_a_signature(tajo, service):
    told = tajo("trigger", "woocommerce", "ping", "--url", service.url, code=1)  # this service greets nobody

    assert "401" in told.stdout
    assert "brings no event" in told.stdout
    assert service.taken == []


@pytest.mark.parametrize(("platform", "path"), SAMPLES)
def test_every_sample_with_events_becomes_new_and_tells_the_same(platform, path):
    options = json.loads(path.read_text()).get("options", {})
    connector = platforms()[platform](SourceSettings(platform, platform, ("x",), options))
    inbound = read_fixture(path, platform, "http://here")

    before, after = list(connector.parse(inbound)), list(connector.parse(freshen(connector, inbound)))

    assert [(one.kind, one.customer_id) for one in after] == [(one.kind, one.customer_id) for one in before]
    known = {one.id for one in before if one.kind is not Kind.SOURCE_ALERT}  # an alert is one however often it comes
    assert not {one.id for one in after} & known


class Strange(Connector):
    """A connector whose event id is somewhere in the body, beside values that must stay."""

    platform, title = "strange", "Strange"

    def verify(self, inbound, secrets):
        pass

    def parse(self, inbound):
        body = json_object(inbound)
        return [Event(body["delivery"], "s", Kind(body["kind"]), NOW, body["customer"], body["customer"])]


def strange(**body):
    facts = {"kind": "customer_updated", "customer": "77770000", "delivery": "evt_00001111", **body}
    return Inbound("s", {"x-other": "12345678"}, json.dumps(facts).encode(), NOW)


def test_an_id_in_the_body_is_found_by_trying():
    connector = Strange(SourceSettings("s", "strange"))

    body = json.loads(freshen(connector, strange()).body)

    assert body["delivery"].startswith("evt_")
    assert body["delivery"] != "evt_00001111"
    assert body["customer"] == "77770000"


def test_times_move_together_so_that_the_newest_is_now():
    connector = Strange(SourceSettings("s", "strange"))
    made, changed = "2020-01-01T10:00:00Z", "2020-01-01T11:00:00.123456789+01:00"

    body = json.loads(freshen(connector, strange(made=made, changed=changed, odd="2020-13-45T00:00:00Z")).body)

    assert body["made"] == "2026-11-21T12:00:00Z"
    assert body["changed"] == "2026-11-21T13:00:00.123456789+01:00"
    assert body["odd"] == "2020-13-45T00:00:00Z"


def test_times_in_seconds_milliseconds_and_microseconds_move_and_what_is_yet_to_come_does_not_count():
    connector = Strange(SourceSettings("s", "strange"))
    at = 1577872800  # 2020-01-01T10:00:00Z

    sent = strange(s=at, ms=at * 1000 + 5, us=at * 1_000_000 + 7, ends=at + 300_000_000, delivery=f"d-{at}99")
    body = json.loads(freshen(connector, sent).body)

    now = int(NOW.timestamp())
    assert (body["s"], body["ms"], body["us"]) == (now, now * 1000 + 5, now * 1_000_000 + 7)
    assert body["ends"] == now + 300_000_000


class Many(Strange):
    """A connector whose event ids are deep in the body, one for each of several events."""

    def parse(self, inbound):
        deliveries = [part["meta"]["id"] for part in json_object(inbound)["all"]]
        return [Event(f"m:{one}", "s", Kind.CUSTOMER_UPDATED, NOW, "1", "1") for one in deliveries]


def test_the_ids_of_several_events_become_new_together():
    connector = Many(SourceSettings("s", "many"))
    body = {"all": [{"meta": {"id": 123456}}, {"meta": {"id": "msg_2hJw1Q0aa"}}]}

    fresh = json.loads(freshen(connector, Inbound("s", {}, json.dumps(body).encode(), NOW)).body)

    number, text = (part["meta"]["id"] for part in fresh["all"])
    assert isinstance(number, int)
    assert number != 123456
    assert text.startswith("msg_")
    assert len(text) == len("msg_2hJw1Q0aa")
    assert text != "msg_2hJw1Q0aa"


def test_times_that_are_part_of_what_is_told_stay():
    connector = Strange(SourceSettings("s", "strange"))

    body = json.loads(freshen(connector, strange(customer="2020-01-01T10:00:00Z")).body)

    assert body["customer"] == "2020-01-01T10:00:00Z"


def test_a_made_up_person_goes_to_a_real_account_only_when_that_is_meant(tajo, service):
    words = ("trigger", "woocommerce", "customer_created", "--url", service.url)

    refused = tajo(*words, code=1, given="n\n", BREVO_API_KEY="xkeysib-1")
    assert "goes to your Brevo account" in refused.output
    assert service.taken == []
    tajo(*words, "--yes", BREVO_API_KEY="xkeysib-1")
    assert len(service.taken) == 1


def test_a_sample_that_is_of_another_store_stays_so_and_is_refused(tajo, service):
    told = tajo("trigger", "shopify", "other_store", "--url", service.url, code=1)

    assert "→ 401" in told.stdout
    assert "Events:" not in told.stdout
    assert service.taken == []
