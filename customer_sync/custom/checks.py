"""What must hold between the parts of a connector file, beyond the shape of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from customer_sync.config.faults import choose
from customer_sync.custom import fields
from customer_sync.custom.calling import OAuth, PageNumber
from customer_sync.custom.form import (
    TARGETS,
    Form,
    Incremental,
    Resource,
    Rule,
    Subscriptions,
    Unsubscribe,
    Webhooks,
)
from customer_sync.custom.parts import names_of
from customer_sync.custom.paths import is_trap
from customer_sync.custom.records import STATES
from customer_sync.custom.references import Template
from customer_sync.custom.transforms import read_moment
from customer_sync.errors import PayloadError

#: Names of headers and parameters that hold secrets.
_CREDENTIAL: Final = re.compile(r"authorization|cookie|secret|token|password|api[-_]?key|signature", re.IGNORECASE)
_BRACES: Final = re.compile(r"(?<!\$)\{([^{}]*)\}")
#: The words that may stand in braces.
WINDOW: Final = frozenset({"since", "until"})
PERSON: Final = frozenset({"external_id", "email"})
HOOK: Final = frozenset({"id", "topic", "url", "secret"})

Loc = tuple[str | int, ...]


class Flaw(NamedTuple):
    """One thing that is wrong in the file: where, what was found, what to do."""

    loc: Loc
    found: str
    remedy: str


def target_of(name: str, resource: Resource) -> str | None:
    """Return what a resource's records are; None where neither its name nor its `target` says so."""
    return resource.target or TARGETS.get(name)


def flaws_of_resource(name: str, resource: Resource) -> Iterator[Flaw]:
    """Yield what is wrong inside a resource."""
    loc: Loc = ("resources", name)
    target = target_of(name, resource)
    if target is None:
        remedy = f"Write target: and one of {', '.join(fields.TARGETS)}; {', '.join(TARGETS)} say it by their name."
        yield Flaw((*loc, "target"), f"nobody can tell what {name} are", remedy)
    else:
        yield from _mapping(target, resource, loc)
    yield from _templates(resource.params, (*loc, "params"))
    for text, at in _texts(resource.body, (*loc, "json")):
        yield from _placed(text, WINDOW, at)
    for param, value in resource.params.items():
        yield from _placed(value.text, WINDOW, (*loc, "params", param))
    yield from _placed(resource.endpoint, frozenset(), (*loc, "endpoint"))
    if resource.body is not None and resource.method == "GET":
        yield Flaw((*loc, "json"), "a body of a GET", "Write method: POST, or params.")
    if resource.incremental is not None:
        yield from _incremental(resource, resource.incremental, (*loc, "incremental"))
    if isinstance(resource.pagination, PageNumber) and resource.pagination.full_pages and not resource.pagination.size:
        yield Flaw((*loc, "pagination", "full_pages"), "full_pages without a size", "Write size.")
    if resource.by_id is not None:
        by_id = resource.by_id
        at = (*loc, "by_id")
        if "{id}" not in by_id.endpoint and not any("{id}" in one.text for one in by_id.params.values()):
            yield Flaw((*at, "endpoint"), "an address without {id}", "Write it as /api/customers/{id}.")
        yield from _placed(by_id.endpoint, frozenset({"id"}), (*at, "endpoint"))
        yield from _templates(by_id.params, (*at, "params"))


def _mapping(target: str, resource: Resource, loc: Loc) -> Iterator[Flaw]:
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
    texts = [one.text for one in resource.params.values()] + [text for text, _ in _texts(resource.body, ())]
    has = {word: any(f"{{{word}}}" in text for text in texts) for word in WINDOW}
    is_asked = step.since_param is not None or has["since"]
    is_closed = step.until_param is not None or has["until"]
    if step.max_window is not None and not (is_asked and is_closed):
        remedy = "Name since_param and until_param: a window has a beginning and an end."
        yield Flaw((*at, "max_window"), "windows that cannot be asked for", remedy)
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


def flaws_of_form(form: Form) -> Iterator[Flaw]:
    """Yield what is wrong between the parts."""
    targets = {name: target_of(name, one) for name, one in form.resources.items()}
    for target, count in Counter(one for one in targets.values() if one is not None).items():
        names = [name for name, one in targets.items() if one == target]
        if count > 1:
            remedy = f"Keep one of {', '.join(names)}: ids of two lists may be the same."
            yield Flaw(("resources", names[1]), f"a second list of {target}s", remedy)
    if isinstance(form.auth, OAuth) and form.auth.way == "authorization_code" and form.auth.authorization_url is None:
        yield Flaw(("auth",), "no authorization_url", "Write where the owner agrees, or grant: client_credentials.")
    yield from _templates(form.http.headers, ("http", "headers"))
    if form.webhooks is not None:
        yield from _webhooks(form, form.webhooks)
    if form.writeback is not None:
        yield from _writeback(form, form.writeback.unsubscribe, targets)


def _webhooks(form: Form, webhooks: Webhooks) -> Iterator[Flaw]:
    for name, event in webhooks.events.items():
        at: Loc = ("webhooks", "events", name)
        if event.resource is not None and event.resource not in form.resources:
            yield Flaw((*at, "resource"), "a resource that is not described", choose(event.resource, form.resources))
            continue
        resource = form.resources.get(event.resource or resource_of(name, form.resources) or "")
        if event.fetch != "never" and (resource is None or resource.by_id is None):
            yield Flaw((*at, "fetch"), "nothing to fetch with", "Describe by_id of the resource.")
        if event.topic and webhooks.topic_header is None and webhooks.subscriptions is None:
            yield Flaw((*at, "topic"), "a topic that stands nowhere", "Name topic_header; or use match for the body.")
        if (event.action == "merge") != (event.kept_id is not None):
            yield Flaw((*at, "kept_id"), "a merge without the id that is kept", "Write action: merge and kept_id.")
    if webhooks.subscriptions is not None:
        yield from _subscriptions(webhooks.subscriptions, ("webhooks", "subscriptions"))


def _subscriptions(found: Subscriptions, at: Loc) -> Iterator[Flaw]:
    yield from _placed(found.listing.endpoint, frozenset(), (*at, "list", "endpoint"))
    for name, call in (("create", found.create), ("update", found.update)):
        if call is None:
            continue
        yield from _placed(call.endpoint, HOOK, (*at, name, "endpoint"))
        yield from _templates(call.params, (*at, name, "params"))
        for text, where in _texts(call.body, (*at, name, "json")):
            yield from _placed(text, HOOK, where)
    if not any("{url}" in text for text, _ in _texts(found.create.body, ())):
        yield Flaw((*at, "create", "json"), "a webhook without an address", 'Write url: "{url}".')


def _writeback(form: Form, call: Unsubscribe, targets: Mapping[str, str | None]) -> Iterator[Flaw]:
    at: Loc = ("writeback", "unsubscribe")
    contact = next((form.resources[name] for name, target in targets.items() if target == "contact"), None)
    if contact is None or contact.by_id is None:
        remedy = "Describe by_id of the contacts: a record with another address now must not be unsubscribed."
        yield Flaw(at, "nobody looks before it writes", remedy)
    yield from _placed(call.endpoint, PERSON, (*at, "endpoint"))
    yield from _templates(call.params, (*at, "params"))
    for text, where in _texts(call.body, (*at, "json")):
        yield from _placed(text, PERSON, where)
    if not any(f"{{{one}}}" in text for one in PERSON for text in (call.endpoint, *_all_texts(call.body))):
        yield Flaw((*at, "endpoint"), "an opt-out of nobody", "Write /api/customers/{external_id}.")


def _all_texts(value: Any) -> list[str]:
    return [text for text, _ in _texts(value, ())]


def resource_of(event: str, resources: Mapping[str, Resource]) -> str | None:
    """Return the resource that an event is about by its name: `customer_created` is about `customers`."""
    word = event.partition("_")[0].partition(".")[0]
    found = next((one for one in (f"{word}s", word) if one in resources), None)
    meant = TARGETS.get(f"{word}s")
    same = [name for name, one in resources.items() if meant is not None and target_of(name, one) == meant]
    return found or next(iter(same), None)


def _templates(table: Mapping[str, Template], at: Loc) -> Iterator[Flaw]:
    for name, value in table.items():
        if _CREDENTIAL.search(name) and not any(one.kind != "config" for one in value.references):
            remedy = "Write ${secret.name} or ${env.NAME}: secrets stand in no connector file."
            yield Flaw((*at, name), "a secret that stands in the file (not shown)", remedy)


def _placed(text: str, known: frozenset[str], at: Loc) -> Iterator[Flaw]:
    for word in _BRACES.findall(text):
        if word not in known:
            remedy = choose(word, [f"{{{one}}}" for one in sorted(known)]) if known else "Nothing is filled in here."
            yield Flaw(at, f"{{{word[:30]}}}, which nothing is filled into", remedy)


def _texts(value: Any, at: Loc) -> Iterator[tuple[str, Loc]]:
    if isinstance(value, str):
        yield value, at
    elif isinstance(value, dict):
        for name, child in value.items():
            yield from _texts(child, (*at, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _texts(child, (*at, index))


def warnings_of(form: Form) -> Iterator[Flaw]:
    """Yield what is allowed and wants a look."""
    for name, resource in form.resources.items():
        loc: Loc = ("resources", name)
        for field, rule in resource.mapping.items():
            if any(map(is_trap, rule.path.all)):
                remedy = "Write a list of two expressions instead: || behind a | looks into what the | gave."
                yield Flaw((*loc, "mapping", field), "|| behind a |", remedy)
        if resource.pagination is None:
            remedy = "Write pagination: {type: none}, or how."
            yield Flaw((*loc, "pagination"), "it is not said how the list is paged", remedy)
    if form.base_url is None:
        host, remedy = _origin(form), "Set base_url in the file, or in tajo.yaml."
        found = f"the API is taken to be at {host}" if host else "nobody knows where the API is"
        yield Flaw(("base_url",), found, remedy)
    if form.webhooks is not None and form.webhooks.events:
        if form.webhooks.verify is None:
            remedy = "Write verify: how a webhook proves who sends it. Until then all are refused."
            yield Flaw(("webhooks", "verify"), "the webhooks are not verified", remedy)
        for name, event in form.webhooks.events.items():
            if event.resource is None and resource_of(name, form.resources) is None:
                remedy = "Describe its resource; until then what comes is parked, and can be replayed."
                yield Flaw(("webhooks", "events", name), "an event whose resource is not described", remedy)


def _origin(form: Form) -> str | None:
    auth = form.auth
    if not isinstance(auth, OAuth) or not auth.token_url.text.startswith("http"):
        return None
    parts = urlsplit(auth.token_url.text)
    return f"{parts.scheme}://{parts.netloc}"
