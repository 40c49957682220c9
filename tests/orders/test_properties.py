"""Whatever the sequence in which an order's events come, and however often, Brevo has the same order in the end."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.model import Kind
from tests.orders.rig import OrdersRig, bare, order

TOLD = st.one_of(
    st.builds(
        lambda state, amount: {"kind": Kind.ORDER_UPDATED, "state": state, "amount": float(amount)},
        st.sampled_from(["placed", "paid", "refunded", "cancelled"]),
        st.integers(0, 45),
    ),
    st.builds(lambda n: {"kind": Kind.ORDER_REFUNDED, "refunds": {str(n): 10.0}}, st.integers(1, 3)),
    st.just({"kind": Kind.ORDER_DELETED}),
)


def events(told):
    """The events of one order, one a second; the first one places it."""
    found = [order(when=-100)]
    for n, one in enumerate(told):
        more = {name: value for name, value in one.items() if name != "kind"}
        make = order if one["kind"] is Kind.ORDER_UPDATED else None
        when = -90 + n
        found.append(
            make(kind=Kind.ORDER_UPDATED, when=when, **more) if make else bare("1001", one["kind"], when, **more)
        )
    return found


def end_of(client, told, stops):
    """Tell the events; at each stop all that waits is delivered."""
    rig = OrdersRig(client)
    rig.http._spec = None
    for n, event in enumerate(told):
        rig.send(event)
        if n in stops:
            rig.tell()
    rig.tell()
    rows = rig.orders  # a newer date alone is no reason for a call
    starts = [one for one in rig.fired if one[0] == "paid"]
    return {
        name: {key: value for key, value in row.items() if key not in {"contact_id", "historical", "updatedAt"}}
        for name, row in rows.items()
    }, len(starts)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(TOLD, min_size=1, max_size=4), data=st.data())
def test_any_sequence_ends_the_same(client, told, data):
    some = events(told)
    shuffled = data.draw(st.permutations([*some, *some[:2]]))
    stops = data.draw(st.sets(st.integers(0, len(shuffled) - 1)))
    straight, _ = end_of(client, some, set())
    found, _ = end_of(client, shuffled, stops)

    assert found == straight


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 5), data=st.data())
def test_webhooks_that_say_the_same_start_one_automation(client, count, data):
    some = [order(when=-100), *(order(kind=Kind.ORDER_UPDATED, when=-90 + n) for n in range(count))]
    shuffled = data.draw(st.permutations([*some, *some]))
    stops = data.draw(st.sets(st.integers(0, len(shuffled) - 1)))
    _, starts = end_of(client, shuffled, stops)

    assert starts == 1
