"""An opt-out is told to the platform: looked at first, written by the file's template, and read back."""

from __future__ import annotations

from customer_sync.custom import form
from customer_sync.custom.api import Astray, Platform, fill, fill_json
from customer_sync.custom.lists import Lists
from customer_sync.errors import ConfigError, Missing, Parkable, PayloadError, TryLater
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.kit.rest import Rejected
from customer_sync.model import Consent, ConsentState
from customer_sync.person.identity import normalize_email


def withdraw(platform: Platform, lists: Lists, call: form.Unsubscribe, withdrawal: Withdrawal) -> Written:
    """Tell the platform of an opt-out; see `Connector.write_consent`.

    Raises:
        Parkable: the platform refuses it, or goes on to show the old state.
        TajoError: as `Connector.pull`.
    """
    try:
        return _withdraw(platform, lists, call, withdrawal)
    except Astray as fault:
        raise Parkable(
            f"The record cannot be asked for: {fault}.", f"Opt the person out in {platform.title}."
        ) from fault


def _withdraw(platform: Platform, lists: Lists, call: form.Unsubscribe, withdrawal: Withdrawal) -> Written:
    node = _look(lists, withdrawal)
    if node is None:
        return Written.GONE
    told = _told(lists, node, withdrawal)
    if told is not None and told.state is ConsentState.WITHDRAWN:
        return Written.UNCHANGED
    if told is not None and told.explicit and told.state is ConsentState.GRANTED and told.at > withdrawal.at:
        return Written.NEWER
    if not _write(platform, lists, call, withdrawal):
        return Written.GONE
    if call.read_back and told is not None:
        after = _look(lists, withdrawal)
        if after is None:
            return Written.WRITTEN
        now = _told(lists, after, withdrawal)
        if now is None or now.state is not ConsentState.WITHDRAWN:
            raise Parkable(
                f"{platform.title} still shows the consent from before the opt-out.",
                f"Opt the person out in {platform.title}; is writeback.unsubscribe of the connector file right?",
            )
    return Written.WRITTEN


def _look(lists: Lists, withdrawal: Withdrawal) -> Node | None:
    """Return the record, None where it is gone or has another address now.

    Raises:
        Astray: its id cannot be asked for.
        TryLater: it is there and cannot be read.
    """
    found = lists.one(withdrawal.record_id)
    if found is None:
        lists.prove((withdrawal.record_id,))
        return None
    if isinstance(found, Astray):
        raise found
    if isinstance(found, PayloadError):
        raise TryLater(f"The record cannot be read: {found}.")
    subject = lists.records.subject
    assert subject is not None  # only contacts are asked for
    try:
        address = normalize_email(subject.email(found))
    except PayloadError as fault:
        raise TryLater(f"The record's address cannot be read: {fault}.") from fault
    return found if address == normalize_email(withdrawal.address) else None


def _told(lists: Lists, node: Node, withdrawal: Withdrawal) -> Consent | None:
    """Return what the record says of the channel; None where it says nothing, or nothing that can be read."""
    subject = lists.records.subject
    try:
        told = () if subject is None else subject.told(node, withdrawal.at)
    except PayloadError:
        return None
    return next((one for one in told if one.channel is withdrawal.channel), None)


def _write(platform: Platform, lists: Lists, call: form.Unsubscribe, withdrawal: Withdrawal) -> bool:
    """Write, and tell whether the record was there.

    Raises:
        Parkable: the platform refuses it.
    """
    words = {"external_id": withdrawal.record_id, "email": withdrawal.address}
    params = platform.filled(call.params, words)
    rest = platform.rest(lists.access, writes=True)
    try:
        answer = rest.call(
            call.method, fill(call.endpoint, words, is_path=True), params, json_body=fill_json(call.body, words)
        )
    except Missing:
        return False
    except Rejected as error:
        if any(error.status == one if isinstance(one, int) else error.status in one for one in call.skip_status):
            return False
        if error.status in {401, 403}:
            raise ConfigError(error.reason, error.remedy) from error
        raise Parkable(error.reason, f"Opt the person out in {platform.title}; see the connector file.") from error
    if not any(answer.status == one if isinstance(one, int) else answer.status in one for one in call.ok_status):
        raise Parkable(
            f"{platform.title} answers {answer.status} to an opt-out.",
            f"Opt the person out in {platform.title}, or name the status in ok_status.",
        )
    return True
