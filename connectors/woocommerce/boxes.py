"""The newsletter boxes that plugins keep in the fields of accounts and orders: what they tell of consent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from connectors.woocommerce import records
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node
from customer_sync.kit.rescue import Subject
from customer_sync.model import Channel, Consent, ConsentState, Json, kind_of

#: Plugins' fields that hold a newsletter box, for want of one in WooCommerce itself: Brevo's own plugin and the block
#: checkout, Mailchimp's plugin.
CONSENT_META_KEYS = (
    "ws_opt_in",
    "_wc_other/SendinblueWoocommerce/newsletter_opt_in",
    "_wc_order/SendinblueWoocommerce/newsletter_opt_in",
    "mailchimp_woocommerce_is_subscribed",
)
#: What plugins write for a ticked box, an empty one, and a person who has yet to confirm. Other values tell nothing.
TRUE_VALUES = frozenset({"1", "yes", "true", "on", "subscribed"})
MEANINGS: Mapping[str, ConsentState] = {
    **dict.fromkeys(TRUE_VALUES, ConsentState.GRANTED),
    **dict.fromkeys(("0", "no", "false", "off", "unsubscribed"), ConsentState.WITHDRAWN),
    "pending": ConsentState.PENDING,
}
_STRICTEST = (ConsentState.WITHDRAWN, ConsentState.PENDING, ConsentState.GRANTED)


class Told(NamedTuple):
    """What a body tells of a customer: the record, when it was so (None: it does not say), the consents."""

    record: dict[str, Json]
    at: datetime | None
    consents: tuple[Consent, ...]


class Boxes:
    """The fields in which a shop's plugins keep the newsletter box.

    Args:
        keys: names of meta fields, each with the values that mean yes.

    A box is a state and never an act of the person, on an account and on an order alike: the block checkout fills it in
    with the last answer (seen in WooCommerce 11.0.1, 2026-11), so a ticked one may be a tick of years ago. Where fields
    disagree, the strictest counts.
    """

    def __init__(self, keys: Mapping[str, frozenset[str]]) -> None:
        self._keys = keys
        #: Where the body of a customer tells of the person.
        self.subject = Subject(records.own_id, records.own_email, records.stated_at, (self._seen,))

    def told(self, node: Node, seen_at: datetime) -> Told:
        """Return what a customer's body tells, by webhook and by pull alike.

        Args:
            node: a customer.
            seen_at: when it was seen; counts where the body tells no time.

        Raises:
            PayloadError: id, address or consent cannot be read.
        """
        record = records.customer(node)
        consents = self.subject.told(node, records.stated_at(node) or seen_at)
        return Told({**record, **accepts(consents)}, records.modified_at(node), consents)

    def of_order(self, node: Node, seen_at: datetime) -> tuple[Consent, ...]:
        """Return what an order tells of its buyer's consent, as of the time of the order.

        A box that was left empty tells nothing: who orders without ticking it takes nothing back.

        Raises:
            PayloadError: the list of fields cannot be read.
        """
        at = records.created_at(node) or records.modified_at(node) or seen_at
        return tuple(seen for seen in self._seen(node, at) if seen.state is ConsentState.GRANTED)

    def ticked(self, fields: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the boxes among an account's fields that say yes, or that wait for a confirmation."""
        return [one for one in fields if one.get("key") in self._keys and self._says_yes(one)]

    def _says_yes(self, one: Mapping[str, Any]) -> bool:
        value = one.get("value")
        word = ("1" if value else "0") if isinstance(value, bool) else str(value).strip().lower()
        return word in self._keys[one["key"]] or MEANINGS.get(word) is ConsentState.PENDING

    def _seen(self, node: Node, at: datetime) -> tuple[Consent, ...]:
        seen: dict[ConsentState, str] = {}
        for one in records.plugins_fields(node):
            key = one.get("key")
            if not isinstance(key, str) or key not in self._keys:
                continue
            if (state := _meaning(one, self._keys[key])) is not None:
                seen.setdefault(state, key)
        state = next((one for one in _STRICTEST if one in seen), None)
        return () if state is None else (Consent(Channel.EMAIL, state, at, seen[state][:64]),)


def accepts(seen: tuple[Consent, ...]) -> dict[str, Json]:
    """Return `acceptsMarketing` as far as the consent says yes or no."""
    told = {ConsentState.GRANTED: True, ConsentState.WITHDRAWN: False}
    answers = [told[one.state] for one in seen if one.state in told]
    return {"acceptsMarketing": answers[0]} if answers else {}


def _meaning(box: Node, true_values: frozenset[str]) -> ConsentState | None:
    """Return what a box says; None for what says nothing: nothing, a word that nobody knows."""
    value = box.get("value")
    if isinstance(value, bool):
        value = "1" if value else "0"
    if value is None:
        return None
    if not isinstance(value, str | int):
        box.note(PayloadError(box.path("value"), f"expected yes or no, found {kind_of(value)}"))
        return None
    word = str(value).strip().lower()
    if word in true_values:
        return ConsentState.GRANTED
    state = MEANINGS.get(word)
    return None if state is ConsentState.GRANTED else state
