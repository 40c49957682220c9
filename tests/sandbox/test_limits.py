from __future__ import annotations

import pytest

from customer_sync.sandbox.limits import PLANS, Limits, bucket_of


def headers(answer) -> tuple[str, ...]:
    return tuple(answer.headers.get(f"x-sib-ratelimit-{name}", "") for name in ("limit", "remaining", "reset"))


def test_without_a_plan_there_is_no_limit_and_no_header(brevo):
    answers = [brevo.call("GET", "/contacts") for _ in range(50)]

    assert {(one.status_code, headers(one)) for one in answers} == {(200, ("", "", ""))}


def test_the_eleventh_call_of_a_second_is_refused_and_the_next_second_is_free(make_brevo, clock):
    brevo = make_brevo(plan="general")

    answers = [brevo.call("GET", "/contacts") for _ in range(11)]
    clock.sleep(1)

    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert headers(answers[0]) == ("10", "9", "1")
    assert headers(answers[-1]) == ("10", "0", "1")
    assert answers[-1].json["code"] == "too_many_requests"
    assert brevo.call("GET", "/contacts").status_code == 200


def test_the_window_nearer_to_exhaustion_is_told(make_brevo, clock):
    brevo = make_brevo(plan="general")
    brevo.control("POST", "/limits", {"plan": "general", "buckets": {"contacts": [10, 12]}})

    for _ in range(6):
        brevo.call("GET", "/contacts")
        clock.sleep(1)
    answer = brevo.call("GET", "/contacts")

    assert headers(answer) == ("12", "5", str(3600 - 6))


def test_an_hour_that_is_used_up_is_told_with_its_end(make_brevo, clock):
    brevo = make_brevo(plan="general")

    answers = []
    for _ in range(101):
        answers.append(brevo.call("GET", "/account"))
        clock.sleep(0.5)

    assert [one.status_code for one in answers] == [200] * 100 + [429]
    assert headers(answers[-1]) == ("100", "0", "3550")


def test_a_refused_call_is_not_counted_and_changes_nothing(make_brevo, clock):
    brevo = make_brevo(plan="general")
    for number in range(15):
        brevo.call("POST", "/contacts", {"email": f"a{number}@example.com"})
    clock.sleep(1)

    assert brevo.call("GET", "/contacts").json["count"] == 10


def test_the_key_comes_before_the_limit_and_the_limit_before_the_body(make_brevo):
    brevo = make_brevo(plan="general")
    for _ in range(20):
        brevo.call("GET", "/contacts", key=None)
    for _ in range(10):
        assert brevo.call("POST", "/contacts", b"{", wrong=True).status_code == 400

    assert brevo.call("POST", "/contacts", b"{", wrong=True).status_code == 429


@pytest.mark.parametrize(
    ("method", "path", "bucket"),
    [
        ("POST", "/contacts", "contacts"),
        ("POST", "/contacts/import", "contacts"),
        ("GET", "/contacts/lists/2/contacts", "contacts"),
        ("POST", "/events", "events"),
        ("POST", "/events/batch", "other"),
        ("GET", "/events", "other"),
        ("POST", "/orders/status", "orders"),
        ("POST", "/orders/status/batch", "other"),
        ("POST", "/products", "products"),
        ("POST", "/products/batch", "other"),
        ("GET", "/processes/7", "other"),
        ("GET", "/webhooks", "other"),
        ("POST", "/smtp/email", "mail"),
        ("GET", "/smtp/emails", "mail_list"),
        ("DELETE", "/smtp/email/1", "smtp"),
        ("GET", "/contactsx", "other"),
    ],
)
def test_every_call_has_its_bucket(method, path, bucket):
    assert bucket_of(method, path) == bucket


def test_every_plan_allows_more_than_the_one_before():
    for bucket, (_, hour) in PLANS["general"].items():
        _, advanced = PLANS["advanced"][bucket]
        assert hour < advanced
    assert set(PLANS["general"]) == set(PLANS["advanced"]) == set(PLANS["extended"])


def test_a_plan_that_is_not_known_is_an_error():
    with pytest.raises(KeyError):
        Limits("free", lambda: 0.0)
