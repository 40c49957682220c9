"""What must hold between the parts of a connector file, beyond the shape of each; and what is allowed, but odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from customer_sync.config.faults import choose
from customer_sync.custom.call_checks import flaws_of_calls
from customer_sync.custom.calling import OAuth
from customer_sync.custom.flaws import Flaw, Loc, placed, secrets_in, secrets_in_json, texts_in
from customer_sync.custom.form import (
    NONE,
    TARGETS,
    ById,
    Form,
    GuessedById,
    HookEvent,
    Resource,
    Subscriptions,
    Unsubscribe,
    Webhooks,
    target_of,
)
from customer_sync.custom.paths import is_trap
from customer_sync.custom.resource_checks import flaws_of_family

#: How the names of events end that delete.
GONE: Final = ("_deleted", "_removed", ".deleted", ".removed")
#: The words that may stand in braces.
PERSON: Final = frozenset({"external_id", "email"})
HOOK: Final = frozenset({"id", "topic", "url", "secret"})


def flaws_of_form(form: Form) -> Iterator[Flaw]:
    """Yield what is wrong between the parts."""
    targets = {name: target_of(name, one) for name, one in form.resources.items()}
    for target, count in Counter(one for one in targets.values() if one not in (None, NONE)).items():
        names = [name for name, one in targets.items() if one == target]
        if count > 1:
            remedy = f"Keep one of {', '.join(names)}: ids of two lists may be the same."
            yield Flaw(("resources", names[1]), f"a second list of {target}s", remedy)
    for name, one in form.resources.items():
        if one.for_each is not None:
            above = form.resources.get(one.for_each.resource)
            yield from flaws_of_family(name, one.for_each, targets[name], above)
    used = {one.for_each.resource for one in form.resources.values() if one.for_each is not None}
    for name in (one for one, target in targets.items() if target == NONE and one not in used):
        remedy = f"Write for_each: {{resource: {name}}} in the resource that needs it."
        yield Flaw(("resources", name, "target"), "a list that no other needs", remedy)
    if form.resources and all(target == NONE for target in targets.values()):
        yield Flaw(("resources",), "nothing that is synced", "Describe customers.")
    yield from flaws_of_calls(form)
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
        named = event.resource or resource_of(name, form.resources) or ""
        resource = form.resources.get(named)
        if resource is not None and target_of(named, resource) == NONE:
            yield Flaw((*at, "resource"), "records that are read for others alone", "Name a resource that is synced.")
        if isinstance(event.fetch, tuple) and _action(name, event) != "upsert":
            yield Flaw((*at, "fetch"), "fields of a record that is gone", "Write fetch: never, or always.")
        if event.fetch != "never" and (resource is None or resource.by_id is None):
            yield Flaw((*at, "fetch"), "nothing to fetch with", "Describe by_id of the resource.")
        if event.topic and webhooks.topic_header is None and webhooks.subscriptions is None:
            yield Flaw((*at, "topic"), "a topic that stands nowhere", "Name topic_header; or use match for the body.")
        if (event.action == "merge") != (event.kept_id is not None):
            yield Flaw((*at, "kept_id"), "a merge without the id that is kept", "Write action: merge and kept_id.")
    if webhooks.subscriptions is not None:
        yield from _subscriptions(webhooks.subscriptions, ("webhooks", "subscriptions"))


def _subscriptions(found: Subscriptions, at: Loc) -> Iterator[Flaw]:
    yield from placed(found.listing.endpoint, frozenset(), (*at, "list", "endpoint"))
    for name, call in (("create", found.create), ("update", found.update)):
        if call is None:
            continue
        yield from placed(call.endpoint, HOOK, (*at, name, "endpoint"))
        yield from secrets_in(call.params, (*at, name, "params"))
        yield from secrets_in_json(call.body, (*at, name, "json"))
        for text, where in texts_in(call.body, (*at, name, "json")):
            yield from placed(text, HOOK, where)
    if not any("{url}" in text for text, _ in texts_in(found.create.body, ())):
        yield Flaw((*at, "create", "json"), "a webhook without an address", 'Write url: "{url}".')


def _writeback(form: Form, call: Unsubscribe, targets: Mapping[str, str | None]) -> Iterator[Flaw]:
    at: Loc = ("writeback", "unsubscribe")
    contact = next((form.resources[name] for name, target in targets.items() if target == "contact"), None)
    if contact is None or contact.by_id is None:
        remedy = "Describe by_id of the contacts: a record with another address now must not be unsubscribed."
        yield Flaw(at, "nobody looks before it writes", remedy)
    yield from placed(call.endpoint, PERSON, (*at, "endpoint"))
    yield from secrets_in(call.params, (*at, "params"))
    yield from secrets_in_json(call.body, (*at, "json"))
    for text, where in texts_in(call.body, (*at, "json")):
        yield from placed(text, PERSON, where)
    if not any(f"{{{one}}}" in text for one in PERSON for text in (call.endpoint, *_all_texts(call.body))):
        yield Flaw((*at, "endpoint"), "an opt-out of nobody", "Write /api/customers/{external_id}.")


def _action(name: str, event: HookEvent) -> str:
    """Return what an event does; a name that ends with `_deleted` deletes."""
    return event.action or ("delete" if name.endswith(GONE) else "upsert")


def _all_texts(value: Any) -> list[str]:
    return [text for text, _ in texts_in(value, ())]


def resource_of(event: str, resources: Mapping[str, Resource]) -> str | None:
    """Return the resource that an event is about by its name: `customer_created` is about `customers`."""
    word = event.partition("_")[0].partition(".")[0]
    found = next((one for one in (f"{word}s", word) if one in resources), None)
    meant = TARGETS.get(f"{word}s")
    same = [name for name, one in resources.items() if meant is not None and target_of(name, one) == meant]
    return found or next(iter(same), None)


def meant_by(event: str, resources: Mapping[str, Resource]) -> str | None:
    """Return the resource that an event may name, where its own name is of no kind that we know; else None."""
    if f"{event.partition('_')[0].partition('.')[0]}s" in TARGETS:
        return None
    return next((name for name, one in resources.items() if target_of(name, one) != NONE), None)


def warnings_of(form: Form) -> Iterator[Flaw]:
    """Yield what is allowed and wants a look."""
    for name, resource in form.resources.items():
        yield from _odd(resource, ("resources", name))
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
                if (meant := meant_by(name, form.resources)) is not None:
                    remedy = f"Write `resource: {meant}` in the event; until then what comes is parked."
                yield Flaw(("webhooks", "events", name), "an event whose resource is not described", remedy)


def _odd(resource: Resource, loc: Loc) -> Iterator[Flaw]:
    for field, rule in resource.mapping.items():
        if any(map(is_trap, rule.path.all)):
            remedy = "Write a list of two expressions instead: || behind a | looks into what the | gave."
            yield Flaw((*loc, "mapping", field), "|| behind a |", remedy)
    if resource.pagination is None:
        remedy = "Write pagination: {type: none}, or how."
        yield Flaw((*loc, "pagination"), "it is not said how the list is paged", remedy)
    if isinstance(resource.by_id, GuessedById):
        found = f"one record is taken to be at {resource.by_id.endpoint}"
        yield Flaw((*loc, "by_id"), found, "Write by_id: {endpoint: ...}, if it is elsewhere.")


def _origin(form: Form) -> str | None:
    auth = form.auth
    if not isinstance(auth, OAuth) or not auth.token_url.text.startswith("http"):
        return None
    parts = urlsplit(auth.token_url.text)
    return f"{parts.scheme}://{parts.netloc}"


def guessed(form: Form) -> Form:
    """Return the form with `by_id` where it is needed and not said: `<endpoint>/{id}`, as most platforms have it."""
    hooks = form.webhooks.events if form.webhooks is not None else {}
    needed = {one.resource or resource_of(name, form.resources) for name, one in hooks.items() if one.fetch != "never"}
    if form.writeback is not None:
        needed |= {name for name, one in form.resources.items() if target_of(name, one) == "contact"}
    found = {name: _guessed(one) if name in needed else one for name, one in form.resources.items()}
    return form.model_copy(update={"resources": found})


def _guessed(resource: Resource) -> Resource:
    is_plain = resource.for_each is None and "{" not in resource.endpoint and resource.method == "GET"
    explodes = any(one.explode is not None for one in resource.transform)
    if resource.by_id is not None or not is_plain or explodes:
        return resource
    by_id: ById = GuessedById(endpoint=f"{resource.endpoint.rstrip('/')}/{{id}}")
    return resource.model_copy(update={"by_id": by_id})
