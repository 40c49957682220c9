"""Whether the templates of the skills that send mails can be used."""

from __future__ import annotations

from collections.abc import Iterator

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.mail.account import TEMPLATE_REMEDY, ask_template, template_note
from customer_sync.config import Settings
from customer_sync.errors import TajoError
from customer_sync.operate.doctor.findings import Finding
from customer_sync.skills.needs import templates_of
from customer_sync.store import Store


def ask_templates(settings: Settings, store: Store, brevo: Brevo) -> Iterator[Finding]:
    """Yield what is found of each template that a skill needs which is on; Brevo is asked once for each."""
    for number, skills in templates_of(settings).items():
        yield _finding(store, brevo, number, ", ".join(skills))


def _finding(store: Store, brevo: Brevo, number: int, skills: str) -> Finding:
    name = f"template {number}"
    try:
        fault = ask_template(brevo, number)
    except TajoError as error:
        known = store.note(template_note(number))
        if not isinstance(known, str) or not known:
            return Finding(name, "warn", f"not checked: {error}", "Try again in a moment.")
        fault = known
    if fault:
        cause = f"{fault.removesuffix('.')}: mails of {skills} wait"
        return Finding(name, "fail", cause, TEMPLATE_REMEDY, "config", "template_missing")
    return Finding(name, "ok", f"active; {skills} sends it")
