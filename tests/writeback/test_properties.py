"""Random histories over two shops: in the end every shop knows who left, and nobody is opted out who did not leave."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from customer_sync.store import connect
from tests.explore import look
from tests.rig import at
from tests.writeback.test_delivery import Killed, dies, end_leases
from tests.writeback.world import ANN, BOB, Account, World

NEVER = at(-1_000_000)
SOURCES, IDS, EMAILS = ("shop", "woo"), ("1", "2"), (ANN, BOB)
_ACCOUNT = st.tuples(st.sampled_from(SOURCES), st.sampled_from(IDS))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), _ACCOUNT, st.sampled_from(EMAILS)),
        st.tuples(st.just("agree"), _ACCOUNT, st.none()),
        st.tuples(st.just("leave"), st.booleans(), st.sampled_from(EMAILS)),
        st.tuples(st.just("write"), st.none(), st.none()),
        st.tuples(st.just("die"), st.sampled_from(["contacts", "writeback:shop", "writeback:woo"]), st.none()),
    ),
    max_size=14,
)


@pytest.fixture(scope="module")
def world(redis_url):
    return World(connect(redis_url))


def tell(world, source, id_, email, when):
    """A customer with an old opt-in is heard of, or has another address; a shop lets no two have one."""
    accounts = world[source].accounts
    if any(one.email == email for other, one in accounts.items() if other != id_):
        return
    if id_ in accounts:
        accounts[id_].email = email
    else:
        accounts[id_] = Account(email, subscribed=True, changed=at(-2_700))
    world.send(world[source].event(id_, when=when))
    world.settle()


def agree(world, source, id_, when):
    """A customer opts in, by an act that the shop tells of."""
    account = world[source].accounts.get(id_)
    if account is not None:
        account.subscribed, account.changed = True, when
        world.send(world[source].event(id_, when=when))
        world.settle()


def die(world, lane, patch):
    """A worker of a lane is killed after its calls, before they are settled."""
    patch.setattr(world.store.lanes, "settle", dies)
    with suppress(Killed):
        world.once(lane.removeprefix("writeback:")) if lane != "contacts" else world.deliver_once()
    patch.undo()
    end_leases(world, lane)


def leave(world, email, when, *, is_settled):
    """Somebody leaves in Brevo; whether the contact is settled before anything else happens."""
    world.brevo.unsubscribe(email, when=when)
    world.send_brevo({"event": "unsubscribed", "email": email, "ts_event": int(when.timestamp())})
    world.read()
    if is_settled:
        world.deliver()


def do(world, left, step, seconds):
    """One step of a history."""
    what, whom, email = step
    when = at(seconds)
    if what == "tell":
        tell(world, *whom, email, when)
    elif what == "agree":
        agree(world, *whom, when)
    elif what == "leave":
        leave(world, email, when, is_settled=whom)
        left[email] = when
    elif what == "write":
        world.write_back()
    else:
        with pytest.MonkeyPatch.context() as patch:
            die(world, whom, patch)


def newest_opt_ins(world, known):
    """When somebody last opted in with each address, as far as the shops know by now."""
    found = dict(known)
    for platform in world.platforms.values():
        for account in platform.accounts.values():
            if account.subscribed:
                found[account.email] = max(found.get(account.email, NEVER), account.changed)
    return found


def come_to_rest(world):
    """Deliver everything, and what the shops say of it."""
    world.settle()
    world.late()
    world.write_back()
    while world.echo():
        world.write_back()


@given(steps=STEPS)
@look(150, deadline=None)
def test_every_shop_knows_in_the_end_who_left_and_nobody_else_is_opted_out(world, steps):
    world.reset()
    left: dict[str, datetime] = {}
    agreed: dict[str, datetime] = {}
    for number, step in enumerate(steps):
        note(f"{step}")
        do(world, left, step, -2_500 + 4 * number)
        agreed |= newest_opt_ins(world, agreed)

    come_to_rest(world)

    assert world.waits("shop") == world.waits("woo") == 0
    for source, platform in world.platforms.items():
        for id_, account in platform.accounts.items():
            when = left.get(account.email, NEVER)
            # an opt-in at any shop, given for this very address, answers it
            if when > max(account.changed, agreed.get(account.email, NEVER)):
                assert not account.subscribed, f"{source}:{id_} may still mail {account.email}"
        if not left:
            assert platform.told == []
