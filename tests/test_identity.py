"""Who a record is about."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.errors import MappingError
from customer_sync.person.identity import fingerprint, normalize_email, ref_key

KEY = b"key"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("jane@example.com", "jane@example.com"),
        ("  Jane.Smith+Shop@Example.COM\n", "jane.smith+shop@example.com"),
        ("\ufeffjane@example.com\u200b ", "jane@example.com"),
        ("o'neil_1@sub.example.co.uk", "o'neil_1@sub.example.co.uk"),
        ("docomo..user.@docomo.example", "docomo..user.@docomo.example"),
        ("jane@Bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
        ("jane@straße.example", "jane@xn--strae-oqa.example"),
        ("jane@U\u0308STRAßE.example", "jane@xn--strae-oqa2r.example"),  # a letter and its dots, and ß
        ("jane@βόλος.example", "jane@xn--nxasmm1c.example"),
        ("jane@नम\u094d\u200dक.example", "jane@xn--11b1bs8j662j.example"),  # the joiner makes it another domain
        ("jane@ex\u200bam\u00adple.example", "jane@example.example"),
        ("jane@例え。テスト", "jane@xn--r8jz45g.xn--zckzah"),
        ("jane@example.com.", "jane@example.com"),
        (None, None),
        ("", None),
        ("  ", None),
        ("\u200b", None),
    ],
)
def test_an_address_has_one_spelling(value, expected):
    assert normalize_email(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "deleted@shop.example",
        "Deleted@Shop.Example",
        "deleted@site.invalid",
        "a1b2c3@anonymous.invalid",
        "guest@invalid",
        "33612345678@mailin-sms.com",
        "33612345678@MAILIN-SMS.com ",
    ],
)
def test_the_address_of_an_erased_person_is_nobody(value):
    assert normalize_email(value) is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("jane", "no @"),
        ("jane(at)example.com", "no @"),
        ("@example.com", "a part before the @"),
        ("jane smith@example.com", "a part before the @"),
        ("jane@home@example.com", "a part before the @"),
        ("Jane <jane@example.com>", "a domain that cannot exist"),
        ("jäne@example.com", "a part before the @"),
        (f"{'a' * 65}@example.com", "a part before the @"),
        ("jane@localhost", "a domain without a dot"),
        ("jane@", "a domain that cannot exist"),
        ("jane@example..com", "a domain that cannot exist"),
        ("jane@-example.com", "a domain that cannot exist"),
        ("jane@exa mple.com", "a domain that cannot exist"),
        ("jane@[127.0.0.1]", "a domain that cannot exist"),
        ("jane@☕.example", "a domain that cannot exist"),
        ("jane@exam\u200dple.example", "a domain that cannot exist"),
        ("jane@\ud800.example", "a domain that cannot exist"),
        (f"jane@{'ü' * 60}.example", "a domain that cannot exist"),
        (f"jane@{'a.' * 125}example", "more than 254 characters"),
        (5, "found a number"),
        (True, "found true or false"),
        (["jane@example.com"], "found a list"),
        ({"email": "jane@example.com"}, "found an object"),
    ],
)
def test_what_can_be_no_address_is_refused_without_being_shown(value, found):
    with pytest.raises(MappingError) as caught:
        normalize_email(value)

    assert caught.value.path == "email"
    assert found in caught.value.found
    assert caught.value.remedy == "correct the address at the platform; its next change is synced"
    assert "jane" not in str(caught.value)


ADDRESSES = st.emails() | st.builds(
    "{}@{}.{}".format,
    st.text(min_size=1, max_size=8),
    st.text(min_size=1, max_size=12),
    st.sampled_from(["example", "com", "de", "テスト", "invalid", "ß"]),
)


@given(ADDRESSES | st.text(max_size=20))
def test_a_normalised_address_stays_as_it_is(value):
    try:
        address = normalize_email(value)
    except MappingError:
        return

    if address is not None:
        assert normalize_email(address) == address
        assert address.isascii()
        assert address == address.lower().strip()
        assert address.count("@") == 1


@given(st.emails())
def test_capitals_and_spaces_never_make_another_person(email):
    def result(value):
        try:
            return normalize_email(value)
        except MappingError as error:
            return str(error)

    assert result(f" {email.upper()}\t") == result(email)


def test_a_fingerprint_is_short_keyed_and_safe_in_urls():
    print_ = fingerprint("jane@example.com", KEY)

    assert re.fullmatch(r"[a-z2-7]{16}", print_)
    assert fingerprint("jane@example.com", KEY) == print_
    assert fingerprint("jane@example.com", b"another") != print_
    assert fingerprint("john@example.com", KEY) != print_


def test_a_fingerprint_never_changes_from_one_release_to_the_next():
    assert fingerprint("jane@example.com", KEY) == "kzqx7tm2e4op54g6"


def test_a_key_may_be_long_but_not_empty():
    assert fingerprint("a@b.example", b"k" * 65) != fingerprint("a@b.example", b"k" * 64)
    with pytest.raises(ValueError, match="needs a key"):
        fingerprint("a@b.example", b"")


def test_the_end_of_a_source_name_is_not_taken_for_the_beginning_of_an_id():
    assert ref_key("shop", "1:2") == "shop:1:2"
    assert ref_key("shop", "12") != ref_key("shop1", "2")


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}", fullmatch=True)


@given(NAMES, st.text(), NAMES, st.text())
def test_no_two_references_have_one_key(source, record_id, other_source, other_id):
    assert (ref_key(source, record_id) == ref_key(other_source, other_id)) == (
        (source, record_id) == (other_source, other_id)
    )
