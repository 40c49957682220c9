"""Stripe's signatures: known answers, several secrets, both sides of the window."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.stripe.connector import StripeConnector
from customer_sync.errors import Refused
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound

NOW = datetime.fromtimestamp(1_795_262_400, UTC)
STRIPE = StripeConnector(SourceSettings("pay", "stripe"))
# made with: printf '%s' "1795262400.$body" | openssl dgst -sha256 -hmac "$secret"
KNOWN = [
    ("whsec_lamp", b'{"id": "evt_1"}', "7128767751afd56848abd7bfe0aff71bdc71e2d2ffbffb985eb0f2d99a5b8da6"),
    (
        "whsec_oil and water",
        b'{"id":"evt_2","type":"customer.created"}\n',
        "56c7a81e068058b6daeac43b69f22c144b54334c681ddf9b63cf0d18a8e90afb",
    ),
]


def inbound(header, body=b'{"id": "evt_1"}', at=NOW):
    return Inbound("pay", {"stripe-signature": header}, body, at)


@pytest.mark.parametrize(("secret", "body", "digest"), KNOWN)
def test_a_signature_is_made_and_taken_as_openssl_makes_it(secret, body, digest):
    bare = Inbound("pay", {}, body, NOW)

    assert STRIPE.sign(bare, secret).headers["stripe-signature"] == f"t=1795262400,v1={digest}"
    STRIPE.verify(inbound(f"t=1795262400,v1={digest}", body), ("whsec_other", secret))


def test_a_body_that_a_proxy_compressed_is_told_apart_from_a_wrong_secret():
    secret, body, digest = KNOWN[0]

    with pytest.raises(Refused, match=r"compressed \(gzip\)") as refused:
        STRIPE.verify(inbound(f"t=1795262400,v1={digest}", gzip.compress(body)), (secret,))

    assert refused.value.cause == "compressed"


def test_one_good_v1_of_several_is_enough_and_v0_is_none():
    secret, body, digest = KNOWN[0]

    STRIPE.verify(inbound(f"t=1795262400,v1={'0' * 64},v1={digest},v0=1"), (secret,))
    with pytest.raises(Refused):
        STRIPE.verify(inbound(f"t=1795262400,v0={digest}", body), (secret,))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_time_outside_of_the_window_is_refused_on_either_side(seconds):
    signed = STRIPE.sign(Inbound("pay", {}, b"{}", NOW), "whsec_1")

    STRIPE.verify(replace(signed, received_at=NOW + timedelta(seconds=seconds * 299 / 301)), ("whsec_1",))
    with pytest.raises(Refused, match="window"):
        STRIPE.verify(replace(signed, received_at=NOW + timedelta(seconds=seconds)), ("whsec_1",))


def test_the_signature_is_looked_at_before_the_time():
    with pytest.raises(Refused, match="does not fit"):
        STRIPE.verify(inbound("t=1,v1=00"), ("whsec_1",))


@pytest.mark.parametrize("header", ["", "t=1795262400", "v1=00", "t=,v1=", "t=soon,v1=00", "nonsense", ",,=,"])
def test_a_header_that_is_none_is_refused(header):
    with pytest.raises(Refused):
        STRIPE.verify(inbound(header), ("whsec_1",))
