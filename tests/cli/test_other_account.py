"""What Redis holds of one account at Brevo is never taken for the truth about another."""

from __future__ import annotations

import pytest

from customer_sync.assembly import check_account
from customer_sync.brevo.owner import HELD_NOTE, SEEN_NOTE, Owner
from customer_sync.config import BrevoSettings, Settings
from customer_sync.errors import ConfigError, Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.loading import load_settings
from customer_sync.operate.figures import judge, read_figures
from customer_sync.pipeline import deliver
from customer_sync.store.receipts import Receipt, Share


class Account:
    """An account that says who it is."""

    def __init__(self, body: bytes = b"{}") -> None:
        self.body, self.asked, self.is_down = body, 0, False

    def call(self, method, path, **_):
        assert (method, path) == ("GET", "/account")
        self.asked += 1
        if self.is_down:
            raise Unavailable("brevo did not answer")
        return Reply(200, {}, self.body)


ONE = b'{"organization_id": "org-1", "email": "owner@example.com"}'
OTHER = b'{"organization_id": "org-2", "email": "owner@example.com"}'
NO_ORGANISATION = b'{"email": "owner@example.com"}'


def settings(key="k1", url="https://api.brevo.com/v3"):
    return Settings(brevo=BrevoSettings(api_key=key, base_url=url))


def owner(store, body, **where):
    account = Account(body)
    return Owner(settings(**where), store, account), account


@pytest.fixture
def known(store):
    """Somebody is known, and the account of the key `k1` has them."""
    owner(store, ONE)[0].check()
    store.client.set("tajo:seq", 1)
    return store


def test_an_account_is_asked_once_who_it_is(known):
    for _ in range(3):
        again, account = owner(known, ONE)
        again.check()

        assert account.asked == 0


def test_a_new_key_of_the_same_account_goes_on(known):
    new, account = owner(known, ONE, key="k2")
    new.check()
    new.check()

    assert account.asked == 1


def test_the_key_of_another_account_is_refused_with_what_to_do(known):
    receipt = Receipt(sources=("shop",), shares={"shop": Share(9, 9)})
    known.receipts.keep(receipt)
    new, account = owner(known, OTHER, key="k2")

    for _ in range(2):
        with pytest.raises(ConfigError) as refused:
            new.check()

    assert "another Brevo account" in refused.value.reason
    assert all(word in refused.value.remedy for word in ("TAJO_REDIS_URL", ".tajo", "sync <source> --full"))
    assert account.asked == 1
    assert known.receipts.in_sync() == {}  # unknown, not 100 %
    assert known.receipts.find(receipt.id) is not None


def test_back_at_the_old_account_work_goes_on(known):
    with pytest.raises(ConfigError):
        owner(known, OTHER, key="k2")[0].check()

    owner(known, ONE)[0].check()


def test_an_account_that_does_not_tell_who_it_is_is_told_by_its_address(known):
    with pytest.raises(ConfigError):
        owner(known, b"{}", url="http://127.0.0.1:9/v3")[0].check()


@pytest.mark.parametrize(("first", "then"), [(ONE, NO_ORGANISATION), (NO_ORGANISATION, ONE)])
def test_an_account_that_once_tells_no_organisation_is_the_same_by_its_owner(store, first, then):
    owner(store, first)[0].check()
    store.client.set("tajo:seq", 1)

    owner(store, then, key="k2")[0].check()
    owner(store, first, key="k3")[0].check()

    with pytest.raises(ConfigError):
        owner(store, OTHER, key="k4")[0].check()


def test_where_nobody_is_known_the_new_account_is_taken(store):
    owner(store, ONE)[0].check()

    owner(store, OTHER, key="k2")[0].check()


def test_a_new_key_waits_while_its_account_does_not_answer_and_is_not_asked_all_the_time(known):
    new, account = owner(known, ONE, key="k2")
    account.is_down = True

    for _ in range(3):
        with pytest.raises(Unavailable):
            new.check()

    assert account.asked == 1


def test_no_note_holds_a_key_or_an_address(known):
    for name in (HELD_NOTE, SEEN_NOTE):
        assert not {"k1", "org-1", "owner@example.com"} & set(known.note(name).values())


def test_against_the_data_of_another_account_nothing_is_sent_and_nothing_is_said_to_be_in_sync(
    tajo, sandbox, store, tmp_path
):
    tajo.send({"id": 1, "email": "c1@example.com", "first_name": "Ann"})
    tajo.work()
    tajo.json("reconcile")
    store.set_note(HELD_NOTE, {"mark": "that of another key", "who": "that of another account"})
    tajo.send({"id": 1, "email": "c1@example.com", "first_name": "Zoe", "date_modified_gmt": "2026-11-21T10:00:00"})
    tajo.work()

    line = tajo.line()
    deliver(line, "contacts")
    figures = read_figures(store, load_settings(tajo.config, tajo.env), tmp_path)
    said = tajo("reconcile", code=3)

    assert sandbox.contacts()["c1@example.com"]["attributes"]["FIRSTNAME"] == "Ann"
    assert store.lanes.depth("contacts")[0] == 1
    assert (judge(figures).level, figures.worst_in_sync) == ("down", None)
    assert "another Brevo account" in judge(figures).text
    assert "another Brevo account" in said.stderr


def test_a_worker_finds_out_as_it_starts(tajo, sandbox, store):
    tajo.send({"id": 1, "email": "c1@example.com", "first_name": "Ann"})
    tajo.work()
    store.set_note(HELD_NOTE, {"mark": "that of another key", "who": "that of another account"})

    check_account(load_settings(tajo.config, tajo.env), store)

    assert "another Brevo account" in store.breakers.read("contacts").reason
    assert "another Brevo account" in tajo("doctor", code=3).stdout
