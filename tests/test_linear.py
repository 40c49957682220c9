"""Text of others is read in a time that grows with its length and no faster."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from connectors.shopify.api import _clean
from customer_sync.errors import PayloadError
from customer_sync.kit.json_text import json_value
from customer_sync.operate.erasure import addresses_in

#: What a text is made of, again and again.
PIECES = ("x", "@", "x@", "@x", ".", "a@b.c ", " ", "\\", "1", "1" * 299 + ",", "x" * 64 + "@", "é", '"', "[", "eE+")
SMALL, LARGE = 20_000, 320_000
#: 16 times the text takes 16 times as long; a square would be 256 times.
MOST = 100


def read_addresses(text: str) -> None:
    for _ in addresses_in(text):
        pass


def read_json(text: str) -> None:
    with suppress(PayloadError):
        json_value(text.encode())


@pytest.mark.parametrize("read", [read_addresses, read_json, _clean])
@pytest.mark.parametrize("piece", PIECES)
def test_sixteen_times_the_text_takes_about_sixteen_times_as_long(read, piece):
    small = fastest_s(read, (piece * SMALL)[:SMALL], 5)

    assert fastest_s(read, (piece * LARGE)[:LARGE], 2) < max(MOST * small, 0.02)


def fastest_s(read, text: str, times: int) -> float:
    """CPU time of this thread, so that other programs do not count."""
    found = []
    for _ in range(times):
        began = time.thread_time()
        read(text)
        found.append(time.thread_time() - began)
    return min(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("nobody", []),
        ("@", []),
        ("a@", []),
        ("@b", []),
        ("ann@example.com", ["ann@example.com"]),
        ('{"email":"ann@example.com","n":1}', ["ann@example.com"]),
        ("email=ann@example.com&x=1", ["ann@example.com"]),
        ("Ann <ann+1@example.com>, bob@example.org;", ["ann+1@example.com", "bob@example.org"]),
        ("a@b@c.de", ["a@b", "b@c.de"]),
        ("x" * 100 + "@example.com", ["x" * 64 + "@example.com"]),
        ("a@" + "y" * 300, ["a@" + "y" * 255]),
    ],
)
def test_what_looks_like_an_address_is_found(text, found):
    assert list(addresses_in(text)) == found


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("No ann@example.com here", "No ... here"),
        ("a\n b", "a b"),
        (None, ""),
        ("x " * 5000, ("x " * 100)),
        ({"k": "ann@example.com"}, "{'k': ..."),
    ],
)
def test_what_shopify_says_is_shown_short_and_without_addresses(said, shown):
    assert _clean(said) == shown
