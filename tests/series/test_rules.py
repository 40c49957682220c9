"""Rules that hold whatever happens to carts, orders and people, in whatever order it is heard of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from customer_sync.model import ConsentState, Event, Kind
from customer_sync.series.decide import Recipient, Why
from tests.series.line import DAY, Came, Line, cart, line, options, order

ADDRESSES = ["ann@example.com", "bea@example.com"]
CARTS = ["t1", "t2", "t3"]
STEP = timedelta(minutes=7)
DAYS_6 = 6 * 24 * 60 // 7

#: Explaining what fails traces every line, which takes minutes here.
RULES = settings(max_examples=150, deadline=None, phases=[one for one in Phase if one is not Phase.explain])

HOURS = [("22:00", "08:00"), ("00:00", "06:30"), ("08:00", "20:00")]
moments = st.integers(0, DAYS_6).map(lambda number: DAY + number * STEP)
delays = st.sampled_from([0, 0, 0, 1, 30, 300]).map(lambda minutes: timedelta(minutes=minutes))
carts = st.builds(
    lambda when, name, email, is_empty: _moved(cart("0:00", name, email, **({"lines": []} if is_empty else {})), when),
    moments,
    st.sampled_from(CARTS),
    st.sampled_from(ADDRESSES),
    st.sampled_from([False, False, False, True]),
)
orders = st.builds(
    lambda when, number, email, names: _moved(order("0:00", str(number), email, carts=names), when),
    moments,
    st.integers(1, 3),
    st.sampled_from(ADDRESSES),
    st.sampled_from([[], ["t1"], ["t2"], ["t1", "t2"]]),
)
heard = st.lists(st.tuples(st.one_of(carts, carts, carts, orders), delays), min_size=1, max_size=12)
said = st.lists(
    st.tuples(
        moments,
        st.sampled_from(ADDRESSES),
        st.sampled_from([*ConsentState, ConsentState.GRANTED, ConsentState.GRANTED, "left", "erased"]),
    ),
    max_size=4,
)


def _moved(event: Event, when: datetime) -> Event:
    record = {**event.record, "createdAt": when.isoformat()}
    return replace(event, id=f"{event.id}-{when}", occurred_at=when, record=record)


def history(events, words, **more) -> Line:
    found = line(**more)
    for event, delay in events:
        found.came.append(Came(event.occurred_at + delay, event))
    for when, address, state in words:
        person = Recipient(address, ConsentState.GRANTED)
        if state == "left":
            person = replace(person, has_left_list=True)
        elif state == "erased":
            person = None
        else:
            person = replace(person, consent=state)
        found.came.append(Came(when, person=address, state=person))
    return found


def stands(found: Line, address: str, when: datetime) -> Recipient | None:
    """What a person's word is at a time."""
    told = [one for one in found.came if one.person == address and one.worked <= when]
    # of several words of one moment any may have been heard last
    return max(told, key=lambda one: one.worked).state if told else Recipient(address, ConsentState.GRANTED)


@RULES
@given(heard, said)
def test_nobody_is_mailed_who_did_not_say_yes(events, people):
    people = list({(when, address): (when, address, state) for when, address, state in people}.values())
    found = history(events, people).run("30 0:00")

    for mail in found.mails:
        person = stands(found, mail.to, mail.at)
        assert person is not None
        assert person.consent is ConsentState.GRANTED
        assert not person.has_left_list


@RULES
@given(heard)
def test_no_mail_follows_a_purchase_that_is_known_before_the_cart_is_touched_again(events):
    found = history(events, []).run("30 0:00")

    for mail in found.mails:
        known = [one.event for one in found.came if one.worked <= mail.at]
        touched = max(
            (one.occurred_at for one in known if one.kind is Kind.CART_UPDATED and one.record_id == mail.cart),
        )
        first = {}
        for one in sorted((one for one in found.came if one.event in known), key=lambda one: one.worked):
            if one.event.kind is Kind.ORDER_UPDATED:
                first.setdefault(one.event.record_id, one.event)
        bought = [one for one in first.values() if one.record["email"] == mail.to or mail.cart in one.record["carts"]]
        # an order that has two addresses at one moment is whose it was told to be last
        is_told = [one for one in bought if not _has_two_addresses(one, known)]
        assert all(one.occurred_at < touched for one in is_told)


def _has_two_addresses(order, known):
    return any(
        one.kind is order.kind
        and (one.record_id, one.occurred_at) == (order.record_id, order.occurred_at)
        and one.record["email"] != order.record["email"]
        for one in known
    )


@RULES
@given(heard)
def test_no_mail_of_a_series_goes_out_twice_in_a_round_and_they_come_in_their_order(events):
    found = history(events, []).run("30 0:00")

    for name in CARTS:
        steps = [(mail.at, mail.send.step) for mail in found.mails if mail.cart == name]
        for (before, step), (after, following) in pairwise(steps):
            begins_anew = any(
                before <= one.worked <= after for one in found.came if one.event.kind is Kind.ORDER_UPDATED
            ) or any(end.why is not Why.NEWER_CART and before <= when <= after for when, _, end in found.ends)
            assert following == step + 1 or (following == 1 and begins_anew)


@RULES
@given(heard, st.integers(0, DAYS_6), st.integers(1, 4 * 24 * 60))
def test_two_mails_to_a_person_are_never_closer_than_the_delay_of_the_later_one(events, start, minutes):
    begins = DAY + start * STEP
    ends = begins + timedelta(minutes=minutes)
    asleep = tuple(f"{(one - DAY).days} {one:%H:%M}" for one in (begins, ends))
    found = history(events, []).run("30 0:00", asleep=asleep)

    for address in ADDRESSES:
        mails = [mail for mail in found.mails if mail.to == address]
        for before, after in pairwise(mails):
            assert after.at - before.at >= found.options.sequence[after.send.step - 1].delay


@RULES
@given(heard, st.integers(1, 2), st.sampled_from(["1d", "3d"]))
def test_a_person_never_has_more_mails_than_the_cap_allows(events, most, per):
    found = history(events, [], options=options(frequency_cap={"mails": most, "per": per})).run("60 0:00")

    for address in ADDRESSES:
        times = [mail.at for mail in found.mails if mail.to == address]
        for number, one in enumerate(times):
            within = [other for other in times[: number + 1] if other > one - found.options.frequency_cap.per]
            assert len(within) <= most


@RULES
@given(
    heard, st.sampled_from([("22:00", "08:00"), ("00:00", "06:30"), ("08:00", "20:00")]), st.sampled_from(["DE", "US"])
)
def test_no_mail_goes_out_in_the_quiet_hours_of_any_zone_of_a_country(events, hours, country):
    people = {one: Recipient(one, ConsentState.GRANTED, country=country) for one in ADDRESSES}
    quiet = {"from": hours[0], "to": hours[1], "time_zone": "UTC"}
    found = history(events, [], people=people, options=options(quiet_hours=quiet)).run("60 0:00")

    zones = {"DE": ["Europe/Berlin"], "US": ["America/New_York", "America/Los_Angeles", "Pacific/Honolulu"]}[country]
    for mail in found.mails:
        for zone in zones:
            local = f"{mail.at.astimezone(ZoneInfo(zone)):%H:%M}"
            is_quiet = local >= hours[0] or local < hours[1] if hours[0] > hours[1] else hours[0] <= local < hours[1]
            assert not is_quiet


@RULES
@given(heard, st.randoms(use_true_random=False))
def test_the_order_in_which_news_arrives_at_one_time_decides_nothing(events, random):
    one = _at_once(events)
    other = _at_once(random.sample(events, len(events)))

    assert one.told() == other.told()
    assert {(name, end.why) for _, name, end in one.ends} == {(name, end.why) for _, name, end in other.ends}


@RULES
@given(heard)
def test_what_is_told_twice_changes_nothing(events):
    again = [(event, delay + timedelta(minutes=3)) for event, delay in events]

    assert history([*events, *again], []).run("30 0:00").told() == history(events, []).run("30 0:00").told()


def _at_once(events) -> Line:
    """Return the line where all the news of the first five days came at one moment, after a standstill."""
    found = line()
    unique = {(event.kind, event.record_id, event.occurred_at): event for event, _ in sorted(events, key=str)}
    when = DAY + timedelta(days=5)
    for event, _ in events:
        if unique[event.kind, event.record_id, event.occurred_at] is event:
            found.came.append(Came(when, event))
    return found.run("40 0:00")
