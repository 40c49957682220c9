"""Which platforms are told of an opt-out, of which records, and what becomes of it."""

from __future__ import annotations

import pytest

from customer_sync.base.clock import utc_now
from customer_sync.batch.reconcile.heals import Heal, put
from customer_sync.brevo.contacts.leavings import FOUND_BLOCKED
from customer_sync.kit.reach import Written
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind, to_ms
from customer_sync.person.owed import Terms
from tests.engine.hands import erased, merged
from tests.rig import LIST, at
from tests.writeback.world import ANN, BOB, Account, Mute, Platform, World


class Crm(Platform):
    """A platform whose accounts may share an address."""

    shares_addresses = True


@pytest.mark.parametrize("word", ["unsubscribed", "spam", "hard_bounce"])
def test_every_account_of_somebody_who_left_in_brevo_is_told_at_its_platform(world, word):
    world.join("shop", "1")
    world.join("woo", "7")
    world.join("shop", "2", BOB)

    world.leave(word=word)
    world.write_back()

    assert (world.told("shop"), world.told("woo")) == ([("1", ANN)], [("7", ANN)])
    assert not world["shop"].accounts["1"].subscribed
    assert world["shop"].accounts["2"].subscribed
    assert world["shop"].told[0].at >= at(-60)
    assert (world.result("shop", "1"), world.counted("shop", "written")) == ("written", 1)


def test_an_unsubscription_that_names_lists_is_one_from_everything_where_brevo_has_blocked_the_contact(world):
    world.join("shop", "1")

    world.leave(list_id=[LIST, 3])
    world.write_back()

    assert world.told("shop") == [("1", ANN)]
    # when the person said so, not when the contact was read
    assert at(-60) <= world["shop"].told[0].at < at(-58)


def test_who_left_a_single_list_is_told_only_where_that_list_is_the_sources_own_and_it_asks_for_that(client):
    world = World(
        client, terms={"shop": Terms((LIST,)), "woo": Terms((3,)), "crm": Terms()}, sources=("shop", "woo", "crm")
    )
    for source in world.sources:
        world.join(source, "1")

    world.leave(list_id=[LIST], only_lists=True)
    world.write_back()

    assert [world.told(one) for one in world.sources] == [[("1", ANN)], [], []]

    world.leave(word="spam", seconds=-30)
    world.write_back()

    assert [len(world.told(one)) for one in world.sources] == [2, 1, 1]


def test_a_list_that_is_left_later_does_not_hide_that_everything_was_left_before(world):
    world.leave()
    world.leave(list_id=[LIST], only_lists=True, seconds=-30)

    world.join("shop", "1")
    world.write_back()

    assert world.told("shop") == [("1", ANN)]


def test_nothing_is_told_of_what_a_platform_itself_told(world):
    world.join("woo", "7")
    world.join("shop", "1", subscribed=False)
    world.write_back()

    assert (world.told("shop"), world.told("woo")) == ([], [])


def test_an_opt_out_that_the_platform_told_since_needs_no_call(world):
    world.join("shop", "1")
    world["shop"].accounts["1"].subscribed, world["shop"].accounts["1"].changed = False, at(-10)
    world.send(world["shop"].event("1"))
    world.settle()

    world.leave(seconds=-60)
    world.write_back()

    assert world.told("shop") == []


def test_an_account_that_appears_later_is_told_then(world):
    world.guest("shop")
    world.leave()
    world.write_back()
    [guest] = world.client.keys("tajo:rec:writeback:shop:*")
    assert (world.told("shop"), world.counted("shop", "no_account"), world.waits("shop")) == ([], 1, 0)
    assert world.counted("shop", "written") == 0

    world.join("shop", "1")
    world.write_back()

    assert ANN.encode() not in guest
    assert world.told("shop") == [("1", ANN)]


def test_a_platform_that_takes_none_is_asked_once_and_that_is_no_success(client):
    world = World(client, kinds={"woo": Mute})
    world.join("woo", "7")

    world.leave()
    world.write_back()
    world.leave(seconds=-30)
    world.write_back()

    assert world["woo"].told == []
    assert (world.result("woo", "7"), world.waits("woo")) == ("unsupported", 0)
    assert world.counted("woo", "written") == 0


def test_a_source_without_keys_pauses_no_lane_and_is_told_once_it_has_some(world):
    world.join("shop", "1")
    world.keys.discard("shop")

    world.leave()
    world.write_back()

    assert world.result("shop", "1") == "no_keys"
    assert world.store.breakers.read("writeback:shop") is None

    world.keys.add("shop")
    world.late()
    world.write_back()

    assert (world.told("shop"), world.result("shop", "1")) == ([("1", ANN)], "written")


def test_who_opts_in_again_before_the_platform_is_told_is_not_opted_out_there(world):
    world.join("shop", "1")
    world.leave(seconds=-60)
    world["shop"].accounts["1"].subscribed, world["shop"].accounts["1"].changed = True, at(-5)
    world.send(world["shop"].event("1"))
    world.settle()

    world.late()
    world.write_back()

    assert (world.told("shop"), world.result("shop", "1")) == ([], "lifted")
    assert world["shop"].accounts["1"].subscribed


def test_an_opt_in_that_the_platform_has_not_told_yet_stands(world):
    world.join("shop", "1")
    world["shop"].accounts["1"].changed = at(-5)

    world.leave()
    world.write_back()

    assert (world.result("shop", "1"), world.counted("shop", "newer")) == (Written.NEWER, 1)


def test_a_source_that_is_switched_off_is_told_nothing(client):
    world = World(client, terms={"shop": None})
    world.join("shop", "1")
    world.join("woo", "7")

    world.leave()
    world.write_back()

    assert (world.told("shop"), world.told("woo")) == ([], [("7", ANN)])


def test_a_deleted_account_is_not_told_and_counts_as_no_failure(client):
    world = World(client, kinds={"crm": Crm}, sources=("crm",))
    object.__setattr__(world.decide, "sharing", frozenset({"crm"}))
    world.rules = world.rules.__class__(**{**_fields(world.rules), "sharing": frozenset({"crm"})})
    world.join("crm", "A")
    world.join("crm", "B")
    world.send(Event("gone", "crm", Kind.CUSTOMER_DELETED, at(-100), "A", "A", {"email": ANN}))
    world.settle()

    world.leave()
    world.write_back()

    assert world.told("crm") == [("B", ANN)]
    assert world.counted("crm", "gone") == 0


def test_the_record_that_another_one_was_merged_into_is_told_too(world):
    world.join("shop", "2")
    world.leave()
    world.write_back()
    world.join("shop", "1", BOB)

    world["shop"].accounts.pop("2")
    world["shop"].accounts["1"].email = ANN
    world.send(merged(2, 1, -50))
    world.send(world["shop"].event("1"))
    world.settle()
    world.write_back()

    assert world.told("shop") == [("2", ANN), ("1", ANN)]


def test_a_customer_who_moves_before_the_platform_is_told_takes_the_opt_out_along(world):
    world.join("shop", "1")
    world.leave()

    world["shop"].accounts["1"].email = BOB
    world.send(world["shop"].event("1"))
    world.settle()
    world.write_back()

    assert world.told("shop") == [("1", BOB)]
    assert not world["shop"].accounts["1"].subscribed


def test_one_of_two_customers_who_leaves_the_address_takes_the_opt_out_along(world):
    world.join("shop", "1")
    world.join("woo", "7")
    world.leave()

    world["shop"].accounts["1"].email = BOB
    world.send(world["shop"].event("1"))
    world.settle()
    world.write_back()

    assert (world.told("shop"), world.told("woo")) == ([("1", BOB)], [("7", ANN)])


def test_somebody_else_who_comes_to_the_address_is_told_of_too(world):
    world.join("shop", "1")
    world.leave()
    world.write_back()
    world["shop"].accounts["1"].email = BOB
    world.send(world["shop"].event("1"))
    world.settle()

    world.join("shop", "2", ANN)
    world.write_back()

    assert world.told("shop")[-1] == ("2", ANN)


def test_a_withdrawal_that_came_along_with_a_move_is_no_word_of_the_records_own_platform(world):
    world.join("shop", "1")
    world.join("woo", "7")
    _withdraws(world, "woo", "7", seconds=-30)
    _moves(world, "1", BOB)

    world.leave(BOB, seconds=-60)
    world.write_back()

    assert world.told("shop") == [("1", BOB)]


def test_a_platforms_own_withdrawal_of_later_does_not_hide_what_a_record_takes_along_from_brevo(world):
    world.join("shop", "1")
    world.join("woo", "7")
    world.leave(seconds=-60)
    _withdraws(world, "woo", "7", seconds=-30)

    _moves(world, "1", BOB)
    world.write_back("shop")

    assert world.told("shop") == [("1", BOB)]


def test_a_customer_who_moves_takes_along_what_the_api_said_of_the_address(client):
    world = World(client, sources=("shop", "api"), terms={"api": None})
    no = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(-60), "asked us", explicit=True)
    world.join("shop", "1")
    world.send(Event("a1", "api", Kind.CONSENT_CHANGED, at(-60), record={"email": ANN}, consents=(no,)))
    world.settle()

    _moves(world, "1", BOB)
    world.write_back("shop")

    assert world.told("shop") == [("1", BOB)]


def test_a_bounce_of_later_stays_and_hides_no_opt_out_that_moves_on(world):
    world.join("shop", "1")
    world.join("woo", "7")
    world.leave(seconds=-60)
    _withdraws(world, "woo", "7", seconds=-50)
    world.leave(word="hard_bounce", seconds=-40)

    _moves(world, "1", BOB)
    world.write_back("shop")

    assert world.told("shop") == [("1", BOB)]
    assert world["shop"].told[0].at < at(-58)


def test_an_account_that_was_elsewhere_when_it_was_looked_at_is_told_once_it_is_back(world):
    world.join("shop", "1")
    world["shop"].accounts["1"].email = BOB  # and the word of it never comes
    world.leave()
    world.write_back()
    assert world.result("shop", "1") == "gone"

    world["shop"].accounts["1"].email = ANN
    world.send(world["shop"].event("1"))
    world.settle()
    world.write_back()

    assert (world.result("shop", "1"), len(world.told("shop"))) == ("written", 2)
    world.send(world["shop"].event("1"))
    world.settle()
    world.write_back()
    assert len(world.told("shop")) == 2


def test_an_account_that_its_platform_does_not_show_yet_is_looked_for_again(world):
    world.leave()
    account = {"id": "1", "email": ANN}
    world.send(Event("new", "shop", Kind.CUSTOMER_CREATED, utc_now(world.clock), "1", "1", account))
    world.settle()
    world.write_back()
    assert (world.result("shop", "1"), world.waits("shop")) == (None, 1)

    world["shop"].accounts["1"] = Account(ANN)
    world.late()
    world.write_back()

    assert (world.result("shop", "1"), world.waits("shop")) == ("written", 0)


def _withdraws(world, source, id_, *, seconds):
    """Somebody opts out at a platform, which tells of it."""
    world[source].accounts[id_].subscribed, world[source].accounts[id_].changed = False, at(seconds)
    world.send(world[source].event(id_))
    world.settle()


def _moves(world, id_, email):
    """A customer of the shop has another address from now on."""
    world["shop"].accounts[id_].email = email
    world.send(world["shop"].event(id_))
    world.settle()


def test_the_api_speaks_of_addresses_and_its_records_of_themselves(client):
    world = World(client, sources=("shop", "api"), terms={"api": None})
    no = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(-60), "asked us", explicit=True)
    world.join("shop", "1")
    world.join("shop", "2", BOB)

    world.send(Event("a1", "api", Kind.CONSENT_CHANGED, at(-60), record={"email": ANN}, consents=(no,)))
    world.send(Event("a2", "api", Kind.CUSTOMER_UPDATED, at(-60), "9", "9", {"id": "9", "email": BOB}, (no,)))
    world.settle()
    world.write_back()

    assert world.told("shop") == [("1", ANN)]


def test_an_erased_person_leaves_no_trace_of_what_was_told(world):
    world.join("shop", "1")
    world.leave()
    world.write_back()
    assert world.result("shop", "1") == "written"

    world.send(erased(1, ANN, 0))
    world.settle()

    assert world.result("shop", "1") is None
    assert not world.client.keys("tajo:rec:writeback:*")


def test_an_item_that_waits_when_the_person_is_erased_is_not_told(world):
    world.join("shop", "1")
    world.leave()

    world.send(erased(1, ANN, 0))
    world.settle()
    world.late()
    world.write_back()

    assert world.told("shop") == []


def test_what_waits_holds_no_address(world):
    world.join("shop", "1")
    world.guest("woo")
    world.leave()

    for key in world.client.keys("tajo:c:writeback:*"):
        assert b"example" not in key
        assert all(b"example" not in one for one in world.client.lrange(key, 0, -1))
    assert world.waits("shop") == world.waits("woo") == 1


def _fields(rules):
    return {name: getattr(rules, name) for name in rules.__dataclass_fields__}


def test_who_has_the_address_again_after_a_while_is_told_of(world):
    world.join("shop", "1")
    account = world["shop"].accounts["1"]
    account.email = "typo@example.com"  # nobody told of it yet
    world.leave()
    world.write_back()
    assert world.result("shop", "1") == "gone"

    account.email = ANN
    world.send(world["shop"].event("1", when=at(-10)))
    world.settle()
    world.write_back()

    assert (world.result("shop", "1"), account.subscribed) == ("written", False)


def test_who_was_deleted_and_is_brought_back_is_told_of(world):
    world.join("shop", "1")
    account = world["shop"].accounts.pop("1")
    world.leave()
    world.write_back()
    assert world.result("shop", "1") == "gone"

    world["shop"].accounts["1"] = account
    world.send(world["shop"].event("1", when=at(-10)))
    world.settle()
    world.write_back()

    assert (world.result("shop", "1"), account.subscribed) == ("written", False)


def test_a_platform_that_has_no_such_record_is_not_asked_again_for_what_others_tell(world):
    world.join("shop", "1")
    world.join("woo", "7")
    del world["shop"].accounts["1"]
    world.leave()
    world.write_back()

    for number in range(3):
        world.send(world["woo"].event("7", when=at(-10 + number), firstName=f"Ann {number}"))
        world.settle()
        world.write_back()

    assert (world.result("shop", "1"), len(world.told("shop"))) == ("gone", 1)


class Finder(Platform):
    """A platform that finds a customer by any of their addresses."""

    finds_addresses = True

    def write_consent(self, withdrawal, access):
        if not withdrawal.record_id:
            self.told.append(withdrawal)
            return Written.WRITTEN if withdrawal.address == ANN else Written.GONE
        return super().write_consent(withdrawal, access)


@pytest.fixture
def finding(client):
    """A shop that tells of people, and a platform that finds them by addresses that no record tells of."""
    world = World(client, kinds={"crm": Finder}, sources=("shop", "crm"))
    object.__setattr__(world.decide, "finding", frozenset({"crm"}))
    return world


def test_who_has_no_record_at_a_platform_that_finds_addresses_is_looked_for_there_once(finding):
    finding.join("shop", "1")
    finding.join("shop", "2", BOB)
    for email in (ANN, BOB):
        finding.leave(email)
    finding.write_back()
    finding.late()
    finding.write_back()

    assert finding.told("crm") == [("", ANN), ("", BOB)]
    assert (finding.counted("crm", "written"), finding.counted("crm", "gone")) == (1, 1)
    assert finding.waits("crm") == 0


def test_who_has_a_record_there_is_told_of_by_it_alone(finding):
    finding.join("crm", "A")
    finding.leave()
    finding.write_back()

    assert finding.told("crm") == [("A", ANN)]


def test_what_was_found_by_an_address_leaves_no_trace_of_an_erased_person(finding):
    finding.join("shop", "1")
    finding.leave()
    finding.write_back()
    assert finding.client.keys("tajo:rec:writeback:crm:*")

    finding.send(erased(1, ANN, 0))
    finding.settle()

    assert not finding.client.keys("tajo:rec:writeback:*")


def test_who_opts_in_again_before_they_are_looked_for_is_left_alone(finding):
    finding.join("shop", "1")
    finding.leave(seconds=-60)
    finding["shop"].accounts["1"].subscribed, finding["shop"].accounts["1"].changed = True, at(-5)
    finding.send(finding["shop"].event("1"))
    finding.settle()
    finding.late()
    finding.write_back()

    assert finding.told("crm") == []


def test_a_block_that_was_found_in_brevo_reaches_an_account_that_appears_after_a_platform_said_it_again(world):
    world.join("shop", "1")
    number = world.store.people.find(ANN)
    heal = Heal(number, to_ms(at(-60)), {"consent.email.withdrawn": FOUND_BLOCKED}, is_urgent=True)
    put(world.store, [heal], "r1", str, at(0))
    world.settle()
    world.write_back()

    account = world["shop"].accounts["1"]
    account.changed = at(-30)
    world.echo()
    world.join("woo", "7")
    world.write_back()

    assert (world.told("shop"), world.told("woo")) == ([("1", ANN)], [("7", ANN)])
