"""Whatever is done in whatever order, two rules hold: identifiers are unique, and no block is lost in silence."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_sync.sandbox.identifiers import EMAIL
from customer_sync.sandbox.state import Sandbox, Settings
from tests.sandbox.conftest import Brevo, Clock

EMAILS = st.sampled_from(["a@example.com", "b@example.com", "c@example.com"])
PHONES = st.sampled_from(["33612345678", "33612345679"])
FLAGS = st.fixed_dictionaries(
    {},
    optional={
        "emailBlacklisted": st.booleans(),
        "ext_id": st.sampled_from(["1", "2"]),
        "forceMerge": st.booleans(),
        "listIds": st.just([2]),
    },
)
#: Ways of the account that change what calls do to blocks, lists and identifiers.
WAYS = st.fixed_dictionaries(
    {},
    optional={
        "import_blocks": st.sampled_from(["keep", "lift_email", "lift_both", "lift_new"]),
        "import_shared": st.sampled_from(["merge", "refuse"]),
        "import_lists": st.sampled_from(["add", "replace"]),
        "import_left_lists": st.sampled_from(["keep", "reset"]),
        "import_untouched_lists": st.sampled_from(["add", "leave"]),
        "import_empties": st.sampled_from(["as_told", "sent_empty", "not_sent"]),
        "relisting": st.sampled_from(["list", "forget", "ignore"]),
    },
)
ATTRIBUTES = st.fixed_dictionaries({}, optional={"SMS": PHONES, "FIRSTNAME": st.sampled_from(["Ann", "Bob", ""])})
RENAMES = st.fixed_dictionaries({}, optional={"EMAIL": EMAILS, "SMS": PHONES})
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), EMAILS, FLAGS, ATTRIBUTES),
        st.tuples(st.just("upsert"), EMAILS, FLAGS, ATTRIBUTES),
        st.tuples(st.just("update"), EMAILS, FLAGS, RENAMES),
        st.tuples(st.just("delete"), EMAILS, st.just({}), st.just({})),
        st.tuples(st.just("import"), EMAILS, st.just({}), ATTRIBUTES),
        st.tuples(st.just("link"), EMAILS, st.fixed_dictionaries({"EXT_ID": st.sampled_from(["1", "2"])}), ATTRIBUTES),
        st.tuples(st.just("leave"), EMAILS, st.just({}), st.just({})),
    ),
    max_size=12,
)


def do(brevo: Brevo, what: str, email: str, flags: dict, attributes: dict) -> None:
    path = "/contacts/" + email.replace("@", "%40")
    if what == "delete":
        brevo.call("DELETE", path)
    elif what == "update":
        brevo.call("PUT", path, {**flags, "attributes": attributes})
    elif what in ("import", "link"):
        brevo.do_import(jsonBody=[{"email": email, "attributes": {**attributes, **flags}}], listIds=[2])
    elif what == "leave":
        brevo._http.post("/sandbox/acts/leave_list", json={"email": email, "list_ids": [2]})
    else:
        brevo.call(
            "POST", "/contacts", {"email": email, **flags, "attributes": attributes, "updateEnabled": what == "upsert"}
        )


def mailable(sandbox: Sandbox) -> dict[str, bool]:
    return {one.email: not one.email_blacklisted for one in sandbox.contacts.roll.all if one.email}


@pytest.fixture(scope="module")
def shared() -> Brevo:
    """One sandbox for all examples: building the application takes longer than an example."""
    clock = Clock()
    return Brevo(Sandbox(Settings(), clock=clock), clock)


def off_lists(sandbox: Sandbox) -> set[int]:
    """Return who left list 2 and is not on it."""
    return {one.id for one in sandbox.contacts.roll.all if 2 in one.list_unsubscribed and 2 not in one.list_ids}


@given(steps=STEPS, ways=WAYS)
@settings(max_examples=200, deadline=None)
def test_identifiers_stay_unique_and_every_lost_block_and_list_is_written_down(shared, steps, ways):
    brevo, clock, sandbox = shared, shared.clock, shared.sandbox
    sandbox.reset()
    brevo.switch(**ways)
    blocked: set[str] = set()
    for step in steps:
        clock.sleep(1)
        noted = len(sandbox.history.all())
        left = off_lists(sandbox)
        do(brevo, *step)

        now = mailable(sandbox)
        lost = {email for email in blocked if now.get(email)}
        told = {one["email"] for one in sandbox.history.all()[noted:]}
        assert lost <= told
        back = {one.id for one in sandbox.contacts.roll.all if one.id in left and 2 in one.list_ids}
        assert back == {one["id"] for one in sandbox.history.all()[noted:] if one.get("listId") == 2}
        blocked = (blocked | {email for email, is_open in now.items() if not is_open}) - lost
        check_index(sandbox)


def check_index(sandbox: Sandbox) -> None:
    contacts = sandbox.contacts
    roll = contacts.roll
    for kind, index in contacts._index.items():
        holders = {one.identifiers[kind]: one for one in roll.all if kind in one.identifiers}
        assert index == holders
        assert len(holders) == sum(kind in one.identifiers for one in roll.all)
    assert roll.members(2) == [one for one in roll.all if 2 in one.list_ids]
    assert [one.id for one in roll.all] == sorted({one.id for one in roll.all})
    assert all(roll.get(one.id) is one for one in roll.all)
    assert all(one.identifiers.get(EMAIL) != "" for one in roll.all)
    for at_ms in {one.modified_ms for one in roll.all} | {one.created_ms for one in roll.all}:
        changed = [one for one in roll.all if one.modified_ms > at_ms]
        assert roll.choose(None, at_ms)[:] == changed
        assert len(roll.choose(None, at_ms)) == len(changed)
        assert roll.choose(at_ms, at_ms - 1000, 2)[:] == [
            one for one in roll.members(2) if one.created_ms > at_ms and one.modified_ms > at_ms - 1000
        ]
