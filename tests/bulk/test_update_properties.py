"""Whatever happens while an import updates people: the end is that of single delivery, and who withdrew is blocked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, note
from hypothesis import strategies as st

from customer_sync.model import Channel, Consent, ConsentState
from customer_sync.store import connect
from tests.bulk.rig import BulkRig, at, customer
from tests.bulk.test_properties import TAKEN, Story, actions, go_through
from tests.explore import look


@pytest.fixture(scope="module")
def rig(redis_url):
    made = BulkRig(connect(redis_url), import_delay_s=1e9)
    yield made
    made.sandbox.close()


class Update(Story):
    """People who are in Brevo, as we know, and whom a run changes; in bulk they go in an import that updates."""

    def begin(self, crowd):
        rig = self.rig
        rig.reset()
        rig.sandbox.switches.import_blocks = "keep"
        if self.is_bulk:
            rig.prove("updates", "lists") if self.lists else rig.prove("updates")
        rig.call("POST", "/v3/contacts", {"email": TAKEN, "attributes": {"LASTNAME": "Taken"}})
        kept, rig.line = rig.line, replace(rig.line, gears={})
        self.line, line = rig.line, self.line
        rig.put([self.told(number, said, when=-150, city="Ghent") for number, said in crowd])
        self.singles_of(Story)
        rig.line, self.line = kept, line
        rig.sandbox_passes(10)
        rig.put([self.told(number, said, when=-100, lastName="Changed", city="Ghent") for number, said in crowd])
        self.dispatch()
        rig.sandbox.switches.import_blocks = self.blocks

    def singles_of(self, story):
        was, self.is_bulk = self.is_bulk, False
        story.singles(self)
        self.is_bulk = was

    def told(self, number, said, **more):
        event = customer(number, **more)
        if not said:
            return event
        return replace(event, consents=(Consent(Channel.EMAIL, ConsentState(said), at(-200), "drawn", explicit=True),))

    def people(self):
        return {email: one for email, one in self.rig.contacts().items() if not email.startswith("canary")}


crowds = st.lists(st.sampled_from(["granted", "granted", None]), min_size=1, max_size=5).map(
    lambda said: list(enumerate(said, 1))
)


def play(rig, story, is_bulk, left=None):
    *course, blocks, lists = story
    played = Update(rig, is_bulk, left)
    played.blocks, played.lists = blocks, lists
    return go_through(played, *course)


@look(
    80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
@given(
    story=st.tuples(
        crowds, actions, actions, actions, st.sampled_from(["keep", "lift_both", "lift_email"]), st.booleans()
    )
)
def test_an_import_that_updates_ends_as_single_delivery_does_and_leaves_nobody_mailable(rig, story):
    bulk, mailable, left = play(rig, story, is_bulk=True)
    assert not rig.client.keys("tajo:import:*")
    assert not rig.client.keys("tajo:mark:*")
    single, _, _ = play(rig, story, is_bulk=False, left=left)

    note(f"single {single}")
    note(f"bulk   {bulk}")
    people = [one for one in mailable if not one["email"].startswith("canary")]
    assert not [one for one in people if one["blockedAgainAt"] is None]
    assert bulk == single
