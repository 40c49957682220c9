"""`/contacts/attributes`: what a contact of this account can hold."""

from __future__ import annotations

from typing import Final

import orjson
from flask import Response

from customer_sync.model import Json
from customer_sync.sandbox.answers import as_json, nothing, optional_object
from customer_sync.sandbox.contact import Contact, as_shown
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.state import Sandbox


def list_all(sandbox: Sandbox) -> Response:
    """Return all attributes."""
    with sandbox.lock:
        return as_json({"attributes": sandbox.attributes.all()})


def create(sandbox: Sandbox, category: str, name: str) -> Response:
    """Add an attribute: 201 without a body."""
    with sandbox.lock:
        sandbox.attributes.create(category, name, optional_object())
    return nothing(201)


def update(sandbox: Sandbox, category: str, name: str) -> Response:
    """Change the options or the formula of an attribute."""
    with sandbox.lock:
        sandbox.attributes.update(category, name, optional_object())
    return nothing()


def delete(sandbox: Sandbox, category: str, name: str) -> Response:
    """Delete an attribute and every contact's value of it."""
    upper = name.upper()

    def forget(contact: Contact) -> None:
        _change(contact, upper, None)

    with sandbox.lock:
        sandbox.attributes.delete(category, name)
        holders = _holders(sandbox, upper)
        sandbox.contacts.change_all(holders, forget)
    return nothing()


def delete_option(sandbox: Sandbox, name: str, option: str) -> Response:
    """Delete one option of a multiple-choice attribute, in every contact too."""
    upper = name.upper()

    def forget(contact: Contact) -> None:
        value = contact.attributes[upper]
        _change(contact, upper, [one for one in value if one != option] if isinstance(value, list) else value)

    with sandbox.lock:
        sandbox.attributes.delete_option(name, option)
        holders = _holders(sandbox, upper)
        sandbox.contacts.change_all(holders, forget)
    return nothing()


def _holders(sandbox: Sandbox, name: str) -> list[Contact]:
    """Return who has a value of an attribute; whose JSON does not hold the word is not read."""
    word = orjson.dumps(name)
    return [one for one in sandbox.contacts.roll.all if word in one.shown and name in one.attributes]


def _change(contact: Contact, name: str, value: Json) -> None:
    shown = orjson.loads(contact.shown)
    if value is None:
        del shown[name]
    else:
        shown[name] = value
    contact.shown = as_shown(shown)


ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/contacts/attributes", list_all),
    ("POST", "/contacts/attributes/<category>/<name>", create),
    ("PUT", "/contacts/attributes/<category>/<name>", update),
    ("DELETE", "/contacts/attributes/<category>/<name>", delete),
    ("DELETE", "/contacts/attributes/multiple-choice/<name>/<option>", delete_option),
)
