"""The line as a worker has it, made of a config: a mail that is due goes to the sandbox."""

from __future__ import annotations

import time
from datetime import timedelta

from customer_sync.assembly import open_line
from customer_sync.base.clock import utc_now
from customer_sync.brevo.mail.series_step import ENABLED
from customer_sync.config.settings import BrevoSettings, Settings, SkillSettings
from customer_sync.engine.plan import Planned, RecordSays, Request, Says, Who, commit
from customer_sync.engine.planner import Planner
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Channel, Consent, ConsentState, to_ms
from customer_sync.pipeline import deliver
from customer_sync.skills.found import definitions
from tests.sandbox_server import sandbox_server

EMAIL = "ann@example.com"


def test_a_mail_that_is_due_goes_out_by_the_line_that_a_config_makes(client, tmp_path):
    with sandbox_server("--plan", "none") as sandbox:
        skills = {name: SkillSettings(name, True) for name in definitions()}
        skills["abandoned-cart"] = SkillSettings(
            "abandoned-cart", True, extra={"sequence": [{"delay": "1h", "template_id": 1}]}
        )
        shop = SourceSettings("woo", "woocommerce", ("s",))
        settings = Settings(sources={"woo": shop}, skills=skills, brevo=BrevoSettings("k", sandbox.url))
        line = open_line(settings, client, lambda _: None, tmp_path)
        touched_at = utc_now() - timedelta(hours=2)
        line.store.set_note(ENABLED, {"woo": to_ms(touched_at) - 1})
        yes = Consent(Channel.EMAIL, ConsentState.GRANTED, touched_at, "opt_in", explicit=True)
        cart = {"cart": {"total": 20.0, "currency": "EUR"}, "touchedAt": to_ms(touched_at), "carts": ["t1"]}
        who = Who("woo", touched_at, "1", EMAIL)
        steps = [
            Says(who, {}, (yes,)),
            RecordSays("mail", "woo", "cart:t1", touched_at, cart, Who("woo", touched_at, email=EMAIL)),
        ]
        groups = Planner(line.store.people, line.store.now_ms()).groups(steps, (), touched_at)
        commit(line.store, [Request("", [Planned(groups)])], lambda _: None)

        ends = time.monotonic() + 30
        while not sandbox.mails() and time.monotonic() < ends:
            deliver(line, "contacts")
            deliver(line, "mail")
            time.sleep(0.05)  # of real workers: a Redis that has just begun holds mails for some seconds

        (mail,) = sandbox.mails()
        assert (mail["to"], mail["params"]["step"], mail["emailBlacklisted"]) == (EMAIL, 1, False)
