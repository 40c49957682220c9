"""The keys of `abandoned-cart`: what they mean, and every fault at once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import yaml

from customer_sync.series.keys import TOP, read_options
from customer_sync.series.options import Cap, Exclusions, Experiment, QuietHours, Segment, Sender, Timing, Variant, Vip
from tests.series.line import KEYS

H = timedelta(hours=1)
#: The keys as Tajo's documents show them.
DOCUMENTED = """
enabled: true
detection: { inactivity_threshold: 30m, min_cart_value: 25, exclude_logged_out: false }
sequence:
  - { delay: 1h,  template_id: 101, subject: "Forgot something?" }
  - { delay: 24h, template_id: 102, subject: "Your cart is waiting", include_discount: true, discount_percent: 10 }
  - delay: 48h
    template_id: 103
    subject: "Last chance - items selling fast"
    include_discount: true
    discount_percent: 15
    discount_expiry: 24h
stop_on: [cart_recovered, order_placed, unsubscribe]
timing:
  vip_customers:    { first_email: 30m, discount_threshold: 0 }
  new_customers:    { first_email: 2h,  discount_threshold: 50 }
  repeat_customers: { first_email: 1h,  discount_threshold: 100 }
ab_testing:
  enabled: true
  variants:
    - { name: urgency,  subject: "Items in your cart are selling fast!", weight: 50 }
    - { name: friendly, subject: "Did you forget something?", weight: 50 }
"""


def read(**keys):
    """Return the settings of three mails with these keys, and the faults."""
    return read_options({**KEYS, **keys})


def test_the_keys_are_read_as_the_documents_show_them():
    keys = yaml.safe_load(DOCUMENTED)
    del keys["enabled"]
    found, faults = read_options(keys)

    assert faults == ()
    assert [(one.delay, one.template_id, one.subject) for one in found.sequence] == [
        (H, 101, "Forgot something?"),
        (24 * H, 102, "Your cart is waiting"),
        (48 * H, 103, "Last chance - items selling fast"),
    ]
    assert [(one.include_discount, one.discount_percent, one.discount_expiry) for one in found.sequence] == [
        (False, None, None),
        (True, Decimal(10), None),
        (True, Decimal(15), 24 * H),
    ]
    assert (found.inactivity_threshold, found.min_cart_value, found.exclude_logged_out) == (H / 2, 25, False)
    assert found.stop_on == {"cart_recovered", "order_placed", "unsubscribe"}
    assert found.timing == {
        Segment.VIP: Timing(H / 2, Decimal(0)),
        Segment.NEW: Timing(2 * H, Decimal(50)),
        Segment.REPEAT: Timing(H, Decimal(100)),
    }
    assert found.experiment == Experiment(
        (
            Variant("urgency", 50, "Items in your cart are selling fast!"),
            Variant("friendly", 50, "Did you forget something?"),
        )
    )


def test_our_own_keys_are_read():
    found, faults = read(
        exclusions={
            "tags": ["VIP", "staff"],
            "domains": "@Staff.example.com",
            "products": [7, "GIFT"],
            "boughtWithin": "2d",
        },
        **{"quiet-hours": {"from": "22:00", "to": "8:00", "timeZone": "Europe/Berlin"}},
        frequencyCap={"mails": "3", "per": "7d"},
        segments={"vip": {"min_total_spent": 500}},
        discount_code={10: "TEN", "15": "FIFTEEN"},
        max_age="10d",
        sender={"email": "Shop@Example.com", "name": "Shop"},
    )

    assert faults == ()
    domains = ("storebotmail.joonix.net", "staff.example.com")
    assert found.exclusions == Exclusions(frozenset({"vip", "staff"}), domains, frozenset({"7", "gift"}), 48 * H)
    assert found.quiet_hours == QuietHours(22 * 60, 8 * 60, "Europe/Berlin")
    assert found.frequency_cap == Cap(3, 7 * 24 * H)
    assert found.vip == Vip(Decimal(500), None)
    assert (found.code_for(Decimal(10)), found.code_for(Decimal(15))) == ("TEN", "FIFTEEN")
    assert found.max_age == 240 * H
    assert found.sender == Sender("shop@example.com", "Shop")


def test_without_keys_of_their_own_the_settings_have_their_defaults():
    found, faults = read()

    assert faults == ()
    assert (found.inactivity_threshold, found.min_cart_value) == (H / 2, 0)
    assert found.stop_on == {"cart_recovered", "order_placed", "unsubscribe"}
    assert (found.experiment, found.quiet_hours, found.frequency_cap, found.sender) == (None, None, None, None)
    assert found.max_age == timedelta(days=7)


def test_a_long_sequence_may_come_to_its_end():
    found, faults = read(sequence=[{"delay": "5d", "template_id": 1}, {"delay": "5d", "template_id": 2}])

    assert faults == ()
    assert found.max_age > timedelta(days=10)


def test_a_test_that_is_off_is_read_and_not_used():
    found, faults = read(ab_testing={"enabled": False, "variants": [{"name": "a"}]})

    assert faults == ()
    assert found.experiment is None


STEP = {"delay": "1h", "template_id": 1}
TWO = [{"name": "a"}, {"name": "b"}]
FAULTS = [
    ({"sequence": None}, "sequence", "found nothing"),
    ({"sequence": []}, "sequence", "found 0 mails"),
    ({"sequence": [STEP] * 11}, "sequence", "found 11 mails"),
    ({"sequence": "101"}, "sequence", "found '101'"),
    ({"sequence": [{"template_id": 1}]}, "sequence.0.delay", "found nothing"),
    ({"sequence": [{"delay": "1h"}]}, "sequence.0.template_id", "found nothing"),
    ({"sequence": [{**STEP, "delay": 30}]}, "sequence.0.delay", "found '30'"),
    ({"sequence": [{**STEP, "delay": "0m"}]}, "sequence.0.delay", "found '0m'"),
    ({"sequence": [STEP, {**STEP, "delay": "400d"}]}, "sequence.1.delay", "found '400d'"),
    ({"sequence": [{**STEP, "template_id": 1.5}]}, "sequence.0.template_id", "found '1.5'"),
    ({"sequence": [{**STEP, "template_id": True}]}, "sequence.0.template_id", "found true"),
    ({"sequence": [{**STEP, "templat": 1}]}, "sequence.0.templat", "no such key"),
    ({"sequence": [None]}, "sequence.0", "found nothing"),
    ({"sequence": [{**STEP, "include_discount": True}]}, "sequence.0.discount_percent", "found nothing"),
    ({"sequence": [{**STEP, "discount_percent": 5}]}, "sequence.0.discount_percent", "a discount that is not offered"),
    ({"sequence": [{**STEP, "subject": ["a"]}]}, "sequence.0.subject", "found a list"),
    ({"detection": {"min_cart_value": "much"}}, "detection.min_cart_value", "found 'much'"),
    ({"detection": {"min_cart_value": "nan"}}, "detection.min_cart_value", "found 'nan'"),
    ({"detection": {"exclude_logged_out": "maybe"}}, "detection.exclude_logged_out", "found 'maybe'"),
    ({"detection": {"inactivity_threshold": "1s"}}, "detection.inactivity_threshold", "found '1s'"),
    ({"detection": 30}, "detection", "found '30'"),
    ({"stop_on": ["order_placed"]}, "stop_on", "a list without cart_recovered and unsubscribe"),
    ({"stop_on": ["cart_recovered", "unsubscribe", "bought"]}, "stop_on", "found 'bought'"),
    ({"timing": {"vips": {}}}, "timing.vips", "no such key"),
    ({"timing": {"new_customers": {"first_email": "2"}}}, "timing.new_customers.first_email", "found '2'"),
    ({"ab_testing": {"enabled": True, "variants": TWO[:1]}}, "ab_testing.variants", "found 1"),
    ({"ab_testing": {"enabled": True}}, "ab_testing.variants", "found none"),
    ({"ab_testing": {"enabled": True, "variants": TWO[:1] * 2}}, "ab_testing.variants", "found 'a' more than once"),
    ({"ab_testing": {"variants": [{"weight": 1}]}}, "ab_testing.variants.0.name", "found nothing"),
    (
        {"ab_testing": {"enabled": True, "variants": [{**one, "weight": 0} for one in TWO]}},
        "ab_testing.variants",
        "weights that are all 0",
    ),
    ({"ab_testing": {"enabled": True, "variants": TWO, "mail": 4}}, "ab_testing.mail", "found '4'"),
    ({"exclusions": {"domains": ["a@b.example"]}}, "exclusions.domains", "found 'a@b.example'"),
    ({"exclusions": {"addresses": []}}, "exclusions.addresses", "no such key"),
    ({"quiet_hours": {"from": "22:00", "to": "24:00", "time_zone": "UTC"}}, "quiet_hours.to", "found '24:00'"),
    ({"quiet_hours": {"from": "22:00", "to": "08:00"}}, "quiet_hours.time_zone", "found nothing"),
    ({"quiet_hours": {"from": "8:00", "to": "08:00", "time_zone": "UTC"}}, "quiet_hours.to", "the same time as from"),
    (
        {"quiet_hours": {"from": "22:00", "to": "08:00", "time_zone": "Mars/Olympus"}},
        "quiet_hours.time_zone",
        "found 'Mars/Olympus'",
    ),
    ({"frequency_cap": {"mails": 0, "per": "1d"}}, "frequency_cap.mails", "found '0'"),
    ({"frequency_cap": {"mails": 1}}, "frequency_cap.per", "found nothing"),
    ({"segments": {"vip": {}}}, "segments.vip", "found nothing"),
    ({"segments": {"new": {}}}, "segments.new", "no such key"),
    ({"discount_code": {"12": "A"}}, "discount_code", "a code for 12 %, which no mail offers"),
    ({"discount_code": "A", "sequence": [STEP]}, "discount_code", "a code that no mail offers"),
    ({"discount_code": [1]}, "discount_code", "found a list"),
    ({"max_age": "73h"}, "max_age", "a time in which the sequence does not end"),
    ({"sender": {"email": "shop"}}, "sender.email", "found no e-mail address"),
    ({"sender": {"name": "Shop"}}, "sender", "neither email nor id"),
    ({"sender": {"email": "a@example.com", "id": 3}}, "sender", "both email and id"),
    ({"templates": {}}, "templates", "no such key"),
]


def test_the_least_that_is_allowed_is_told_in_the_largest_unit_that_fits():
    _, (max_age,) = read(max_age="10s")
    _, (threshold,) = read(detection={"inactivity_threshold": "10s"})

    assert "at least 1h," in max_age.remedy
    assert "at least 1m," in threshold.remedy


@pytest.mark.parametrize(("keys", "path", "found"), FAULTS, ids=[f"{path}: {found}" for _, path, found in FAULTS])
def test_what_is_wrong_is_told_with_its_place(keys, path, found):
    _, faults = read(**keys)

    assert [(one.path, one.found) for one in faults] == [(path, found)]
    assert faults[0].remedy.endswith(".")


def test_all_faults_are_told_at_once():
    _, faults = read(detection={"min_cart_value": "x"}, sequence=[{"delay": "1"}], max_ag="7d")

    assert [one.path for one in faults] == [
        "max_ag",
        "sequence.0.delay",
        "sequence.0.template_id",
        "detection.min_cart_value",
    ]


@pytest.mark.parametrize("value", ["x" * 500, {"a": [1]}, [[[]]], 1e300, -1, True, "", " ", "\x00"])
@pytest.mark.parametrize("key", TOP, ids=lambda key: key.name)
def test_no_value_makes_the_reader_fail(key, value):
    found, _ = read(**{key.name: value})

    assert found.inactivity_threshold == H / 2
