"""What must hold inside a resource of a connector file: its mapping, its times, its words in braces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from customer_sync.config.faults import choose
from customer_sync.custom import fields
from customer_sync.custom.call_checks import flaws_of_paging
from customer_sync.custom.flaws import Flaw, Loc, placed, secrets_in, secrets_in_json, texts_in
from customer_sync.custom.form import NONE, TARGETS, ById, ForEach, Incremental, Resource, Rule, target_of
from customer_sync.custom.parts import names_of
from customer_sync.custom.records import STATES
from customer_sync.custom.transforms import read_moment
from customer_sync.errors import PayloadError

#: The words of times that may stand in braces.
WINDOW: Final = frozenset({"since", "until"})


def flaws_of_resource(name: str, resource: Resource) -> Iterator[Flaw]:
    """Yield what is wrong inside a resource."""
    loc: Loc = ("resources", name)
    target = target_of(name, resource)
    if target is None:
        remedy = (
            f"Write target: and one of {', '.join(fields.TARGETS)}, or {NONE} for a list that is only read for "
            f"another (for_each); {', '.join(TARGETS)} say it by their name."
        )
        yield Flaw((*loc, "target"), f"nobody can tell what {name} are", remedy)
    elif target == NONE:
        yield from _above(resource, loc)
    else:
        yield from _mapping(target, resource, loc)
    yield from _request(resource, loc)
    if resource.incremental is not None:
        yield from _incremental(resource, resource.incremental, (*loc, "incremental"))
    yield from flaws_of_paging(resource, (*loc, "pagination"))
    yield from _steps(target or "", resource, (*loc, "transform"))
    if resource.by_id is not None:
        yield from _by_id(resource.by_id, (*loc, "by_id"))
    own = resource.mapping.get("external_id") or resource.mapping.get("externalId") or resource.mapping.get("id")
    if own is not None and "primary_key" in resource.model_fields_set and own.path != resource.primary_key:
        yield Flaw((*loc, "primary_key"), "two ids: primary_key and external_id", "Keep external_id alone.")


def texts_of(resource: Resource) -> Iterator[str]:
    """Yield the texts of a resource that words in braces may stand in."""
    yield resource.endpoint
    yield from (one.text for one in resource.params.values())
    yield from (text for text, _ in texts_in(resource.body))


def _request(resource: Resource, loc: Loc) -> Iterator[Flaw]:
    each, step = resource.for_each, resource.incremental
    above = "" if each is None else each.word
    yield from secrets_in(resource.params, (*loc, "params"))
    yield from secrets_in_json(resource.body, (*loc, "json"))
    for text, at in texts_in(resource.body, (*loc, "json")):
        yield from placed(text, WINDOW, at, above)
    for param, value in resource.params.items():
        yield from placed(value.text, WINDOW, (*loc, "params", param), above)
    yield from placed(resource.endpoint, WINDOW, (*loc, "endpoint"), above)
    asks = [one for one in sorted(WINDOW) if any(f"{{{one}}}" in text for text in texts_of(resource))]
    if asks and step is None:
        yield Flaw((*loc, "incremental"), f"{{{asks[0]}}} without a time", "Write incremental: {cursor: updated_at}.")
    in_path = [one for one in sorted(WINDOW) if f"{{{one}}}" in resource.endpoint]
    if in_path and step is not None and step.start is None:
        remedy = "Write incremental.start: a full pull has an address, too."
        yield Flaw((*loc, "endpoint"), f"{{{in_path[0]}}} in an address that has no beginning", remedy)
    if resource.body is not None and resource.method == "GET":
        yield Flaw((*loc, "json"), "a body of a GET", "Write method: POST, or params.")
    if each is not None and not any(f"{{{each.word}." in text for text in texts_of(resource)):
        yield Flaw((*loc, "for_each"), "the same list for each", f"Write {{{each.word}.id}} into endpoint or params.")


def flaws_of_family(name: str, each: ForEach, target: str | None, above: Resource | None) -> Iterator[Flaw]:
    """Yield what is wrong between a list and the one above it.

    Args:
        name: the resource with `for_each`.
        each: what it says.
        target: what its records are.
        above: the resource that it names; None: there is none.
    """
    at: Loc = ("resources", name, "for_each")
    if each.word in WINDOW:
        yield Flaw((*at, "as"), f"{each.word} means a time", "Choose another word.")
    if above is None:
        yield Flaw(
            (*at, "resource"),
            "a resource that is not described",
            "Describe it; with target: none if it is a list that is only read for this.",
        )
    elif each.resource == name or above.for_each is not None:
        yield Flaw(
            (*at, "resource"), "lists below lists below lists", "One level is read: write a connector in Python."
        )
    if target == NONE:
        yield Flaw(at, "a list for others below a list", "One level is read: write a connector in Python.")


def _above(resource: Resource, loc: Loc) -> Iterator[Flaw]:
    """Yield what a list that is read for others alone has no use for."""
    for name in ("mapping", "by_id"):
        if getattr(resource, name):
            yield Flaw((*loc, name), f"{name} of a list that is read for others alone", "Take it away.")
    step = resource.incremental
    if step is not None and step.start is None:
        remedy = "Take it away: such a list is read whole each time. Only start makes sense."
        yield Flaw((*loc, "incremental"), "what changed in a list that is read for others alone", remedy)


def _steps(target: str, resource: Resource, at: Loc) -> Iterator[Flaw]:
    mapped = {fields.canonical(one) for one in resource.mapping}
    for index, step in enumerate(resource.transform):
        for name in step.drop_if_missing or ():
            if fields.canonical(name) not in mapped:
                remedy = choose(name, resource.mapping)
                yield Flaw((*at, index, "drop_if_missing"), f"{name[:40]}, which is not mapped: all would go", remedy)
        if step.explode is None:
            continue
        way = step.explode.all[0].way if len(step.explode.all) == 1 else None
        if not way or not all(isinstance(one, str) for one in way):
            yield Flaw(
                (*at, index, "explode"), "more than names", "Write where the list stands, as names: account.contacts."
            )
        if index or sum(one.explode is not None for one in resource.transform) > 1:
            yield Flaw((*at, index, "explode"), "an explode behind another step", "Write it first, and once.")
        if resource.by_id is not None or target == NONE:
            remedy = "Take it away: what is read by its id is one record." if target != NONE else "Take it away."
            yield Flaw((*at, index, "explode"), "a record that is several", remedy)


def _by_id(by_id: ById, at: Loc) -> Iterator[Flaw]:
    if "{id}" not in by_id.endpoint and not any("{id}" in one.text for one in by_id.params.values()):
        yield Flaw((*at, "endpoint"), "an address without {id}", "Write it as /api/customers/{id}.")
    yield from placed(by_id.endpoint, frozenset({"id"}), (*at, "endpoint"))
    yield from secrets_in(by_id.params, (*at, "params"))
    for name, value in by_id.params.items():
        yield from placed(value.text, frozenset({"id"}), (*at, "params", name))


def _mapping(target: str, resource: Resource, loc: Loc) -> Iterator[Flaw]:
    if not resource.mapping:
        is_there = "mapping" in resource.model_fields_set
        found = "expected at least one entry, found a table" if is_there else "the key is missing"
        yield Flaw((*loc, "mapping"), found, "Write mapping: {email: contact.email}, our fields and where each stands.")
        return
    seen: dict[str, str] = {}
    for written, rule in resource.mapping.items():
        at, name = (*loc, "mapping", written), fields.canonical(written)
        if not fields.is_field(target, name):
            yield Flaw(at, f"no field of a {target}", choose(written, fields.choices(target)))
        elif name in seen:
            yield Flaw(at, f"the same field as {seen[name]}", "Keep one of them.")
        else:
            yield from _rule(target, name, rule, at)
        seen.setdefault(name, written)
    if target == "contact" and "email" not in seen:
        yield Flaw((*loc, "mapping"), "no email", "Write email: and where it stands. It finds people in Brevo.")


def _rule(target: str, name: str, rule: Rule, at: Loc) -> Iterator[Flaw]:
    is_consent, is_lines = name.startswith(fields.CONSENT), name == fields.LINES
    if not is_consent and (rule.at or rule.method):
        yield Flaw(at, "at or method, which say when and how somebody agreed", "Keep them for consent.email or .sms.")
    if is_consent and rule.type not in (None, "boolean"):
        yield Flaw((*at, "type"), "a consent that is no box", "Write type: boolean, or map: {their word: granted}.")
    if is_consent and rule.map is not None and (odd := [one for one in rule.map.values() if one not in STATES]):
        yield Flaw((*at, "map"), f"a state that there is not ({str(odd[0])[:30]})", f"Choices: {', '.join(STATES)}.")
    if rule.type is not None and not is_consent and not name.startswith(fields.ATTRIBUTE):
        yield Flaw((*at, "type"), f"a type of {name}, which has its own", "Take it away: attributes.NAME has none.")
    if is_lines:
        yield from _line_fields(rule, at)
    elif rule.fields is not None:
        yield Flaw((*at, "fields"), f"fields below {name}", f"Only lines have fields; {target}s have them above.")
    if name == "state" and rule.map is not None:
        allowed = fields.ORDER_STATES
        for value in rule.map.values():
            if value not in allowed:
                found = f"a state that there is not ({str(value)[:30]})"
                yield Flaw((*at, "map"), found, f"Choices: {names_of(allowed)}.")


def _line_fields(rule: Rule, at: Loc) -> Iterator[Flaw]:
    if not rule.fields:
        yield Flaw(at, "lines without fields", "Write path: and fields: {product_id: id, quantity: quantity}.")
    for name in rule.fields or {}:
        if fields.canonical(name) not in fields.LINE:
            yield Flaw((*at, "fields", name), "no field of a line", choose(name, fields.LINE))


def _incremental(resource: Resource, step: Incremental, at: Loc) -> Iterator[Flaw]:
    has = {word: any(f"{{{word}}}" in text for text in texts_of(resource)) for word in WINDOW}
    is_asked = step.since_param is not None or has["since"]
    is_closed = step.until_param is not None or has["until"]
    if step.max_window is not None and not (is_asked and is_closed):
        remedy = "Name since_param and until_param: a window has a beginning and an end."
        yield Flaw((*at, "max_window"), "windows that cannot be asked for", remedy)
    if is_closed and not is_asked:
        yield Flaw((*at, "until_param"), "an end without a beginning", "Name since_param, too.")
    if step.max_window is not None and not step.max_window:
        yield Flaw((*at, "max_window"), "a window of nothing", "Write 31d.")
    if step.order == "desc" and is_asked:
        remedy = "Write order: none: all that is asked for is read."
        yield Flaw((*at, "order"), "newest first, and asked for by time", remedy)
    if step.start is not None:
        try:
            read_moment(step.start, "rfc3339", "start")
        except PayloadError as error:
            yield Flaw((*at, "start"), "no time", error.found.capitalize() + ".")
        if not is_asked:
            yield Flaw((*at, "start"), "a beginning that cannot be asked for", "Name since_param, or take it away.")
    if step.format not in {"rfc3339", "unix", "unix_ms"} and "%" not in step.format:
        yield Flaw((*at, "format"), "no form of a time", 'Write rfc3339, unix, unix_ms, or "%Y-%m-%d %H:%M:%S".')
