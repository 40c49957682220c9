"""Whether the templates of the skills that send mails can be used."""

from __future__ import annotations

from collections.abc import Iterator

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.mail.account import TEMPLATE_REMEDY, ask_template, template_note
from customer_sync.errors import TajoError
from customer_sync.operate.doctor.findings import Finding, Patient
from customer_sync.skills.needs import templates_of


def examine_templates(patient: Patient) -> Iterator[Finding]:
    """Yield what is found of each template that a skill needs which is on; Brevo is asked once for each."""
    if patient.brevo is None:
        return
    for number, skills in templates_of(patient.settings).items():
        yield _finding(patient, patient.brevo, number, ", ".join(skills))


def _finding(patient: Patient, brevo: Brevo, number: int, skills: str) -> Finding:
    name = f"template {number}"
    try:
        fault = ask_template(brevo, number)
    except TajoError as error:
        known = patient.store.note(template_note(number))
        if not isinstance(known, str) or not known:
            return Finding(name, "warn", f"not checked: {error}", "Try again in a moment.")
        fault = known
    if fault:
        cause = f"{fault.removesuffix('.')}: mails of {skills} wait"
        return Finding(name, "fail", cause, TEMPLATE_REMEDY, "config")
    return Finding(name, "ok", f"active; {skills} sends it")
