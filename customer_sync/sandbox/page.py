"""The page at `/`: what is in this Brevo, at a glance, with a sentence for each figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson
from flask import Response, render_template, request

from customer_sync.sandbox import switches
from customer_sync.sandbox.contact import Contact
from customer_sync.sandbox.mailable import WAYS
from customer_sync.sandbox.state import Sandbox

_SHOWN: Final = 50
#: Ways to become mailable that are a person's own doing, or an operator's: nothing to look into.
_BY_PEOPLE: Final = frozenset(("confirmed", "operator", "resubscribed"))
#: Ways in which a block was lost by the way, which no caller can have meant.
_UNASKED: Final = frozenset(("rename", "import", "merge", "recreated", "null"))


class Figure(NamedTuple):
    """One number of the page.

    Args:
        value: the number.
        name: what it counts.
        text: what that means, for somebody who is new here.
        is_worth_a_look: whether it stands out.
    """

    value: int
    name: str
    text: str
    is_worth_a_look: bool = False


def show(sandbox: Sandbox) -> Response:
    """Return the page; `q` looks for contacts by a part of their address, number, phone or values."""
    wanted = request.args.get("q", "").strip().lower()
    with sandbox.lock:
        everyone = list(sandbox.contacts.roll.all)
    found = _search(everyone, wanted)
    blocked = [one for one in everyone if one.email_blacklisted]
    on_lists = Counter(number for one in blocked for number in one.list_ids)
    with sandbox.lock:
        size = sandbox.contacts.roll.size
        view = {
            "contacts": [orjson.loads(sandbox.show(one)) for one in found if one.modified_ms >= 0],
            "wanted": wanted,
            "figures": _figures(sandbox, len(everyone), len(blocked)),
            "ways": _ways(sandbox),
            "lists": [
                {**row, "size": size(int(str(key))), "blocked": on_lists[int(str(key))]}
                for key, row in sandbox.lists.lists.rows.items()
            ],
            "calls": sandbox.calls.totals(),
            "plan": sandbox.limits.plan,
            "faults": [fault.row() for fault in sandbox.faults.active],
            "switches": [one for one in switches.ALL.values() if getattr(sandbox.switches, one.name) != one.default],
            "values": sandbox.switches,
        }
    return Response(render_template("page.html", **view))


def _search(everyone: Sequence[Contact], wanted: str) -> list[Contact]:
    """Return the newest contacts that fit, without the lock: what a contact shows is replaced, never changed."""
    if not wanted:
        return list(reversed(everyone[-_SHOWN:]))
    found: list[Contact] = []
    text = wanted.encode()
    for contact in reversed(everyone):
        if wanted in contact.email or wanted == str(contact.id) or text in contact.shown.lower():
            found.append(contact)
            if len(found) == _SHOWN:
                break
    return found


def _figures(sandbox: Sandbox, contacts: int, blocked: int) -> list[Figure]:
    totals = sandbox.history.totals()
    put_back = totals.get("list", 0) + totals.get("group", 0)
    said, unasked = totals.get("flag", 0), sum(totals.get(how, 0) for how in _UNASKED)
    own = sum(count for how, count in totals.items() if how in _BY_PEOPLE)
    refused = sum(number for _, _, status, number in sandbox.calls.totals() if status == 429)
    mails = [row for row in sandbox.mails.rows() if row["emailBlacklisted"]]
    dropped = sum(one.state == "dropped" for one in sandbox.webhooks.log)
    return [
        Figure(contacts, "contacts", "people in this account, whatever they agreed to"),
        Figure(
            blocked,
            "blocked",
            "of them get no marketing mail, on whatever lists they are: they left, complained, bounced, or a call "
            "blocked them",
        ),
        Figure(
            said + own,
            "times a block was lifted on purpose",
            f"{own} by the person or an operator here, {said} by a call that says that the person opted in again. In "
            "the demo the shops' customers do; `tajo contacts explain` and an address tell when and where",
        ),
        Figure(
            unasked,
            "times a blocked person became mailable unasked",
            "a new address, an import, a merge, a deletion or a null took the block along. The table below names the "
            "calls",
            is_worth_a_look=unasked > 0,
        ),
        Figure(
            put_back,
            "times somebody was put back on a list they left",
            "the person had left that list or consent group, and a call named it again. The table below names it",
            is_worth_a_look=put_back > 0,
        ),
        Figure(sandbox.calls.max_in_second, "calls in the busiest second", f"the plan here is {sandbox.limits.plan}"),
        Figure(refused, "calls refused with 429", "they came faster than the plan allows", is_worth_a_look=refused > 0),
        Figure(
            sum(sandbox.jobs.rows.values()),
            "rows imported",
            ", ".join(f"{sandbox.jobs.rows[fate]} {fate}" for fate in sorted(sandbox.jobs.rows)) or "no import yet",
        ),
        Figure(
            sum(sandbox.automations.counts.values()),
            "workflows started",
            "by orders that were not sent as historical, and by events; each may be a mail to a customer",
        ),
        Figure(sandbox.mails.sent, "transactional mails", f"{len(mails)} of them to people blocked for marketing mail"),
        Figure(
            dropped,
            "webhooks dropped",
            "the receiver answered 5xx or 4xx, or not within five tries; Brevo forgets them for good, too",
            is_worth_a_look=dropped > 0,
        ),
        *(
            Figure(len(sandbox.shop[name].rows), name, f"kept as they were sent, see /sandbox/shop/{name}")
            for name in ("orders", "products", "categories", "events")
        ),
    ]


def _ways(sandbox: Sandbox) -> list[dict[str, object]]:
    """Return, for each way in which somebody became mailable, how often, what it means, and the newest of them."""
    rows = sandbox.history.all()
    found = []
    for how, count in sorted(sandbox.history.totals().items()):
        newest = next(row for row in reversed(rows) if row["how"] == how)
        found.append({"how": how, "count": count, "text": WAYS[how], "newest": newest})
    return found
