"""Checks of the skills: which cannot be used, and what those that are on need and no source gives."""

from __future__ import annotations

from collections.abc import Iterator

from customer_sync.brevo.webhooks import SOURCE as BREVO_SOURCE
from customer_sync.operate.doctor.findings import Finding, Patient
from customer_sync.skills.chosen import make_skills
from customer_sync.skills.found import definitions
from customer_sync.skills.needs import clashes_of, needs_of, unset_of


def examine_skills(patient: Patient) -> Iterator[Finding]:
    """Yield what is found of each skill that is on or cannot be used."""
    settings = patient.settings
    made, there = make_skills(settings, of_all=BREVO_SOURCE), definitions(settings.skills_folder)
    for name, why in made.broken.items():
        is_wanted = name in settings.unserved_skills or (name in settings.skills and settings.skills[name].enabled)
        cause = f"cannot be used ({why})" + (": it is on, and does nothing" if is_wanted else "")
        yield Finding(f"skill {name}", "fail" if is_wanted else "warn", cause, made.mends[name], "config")
    for name, skill in settings.skills.items():
        if not skill.enabled or name in made.broken:
            continue
        sources = [one for one in settings.sources if settings.applies(name, one)]
        needs, unset = needs_of(settings, there[name]), unset_of(settings, there[name])
        if unset:
            fix = f"Write them below skills.{name} in tajo.yaml, or: `tajo skills enable {name} --file FILE`."
            cause = f"is on, and its keys are not all right: {' '.join(unset)}"
            yield Finding(f"skill {name}", "warn", cause.removesuffix("."), fix)
        elif sources and needs.missing:
            cause = f"is on, and no source gives {' or '.join(needs.missing)}. {' '.join(needs.lacking)}"
            fix = f"Connect a source that does, or switch it off: `tajo skills disable {name}`."
            yield Finding(f"skill {name}", "warn", cause.removesuffix("."), fix)
        else:
            acts = f"acts on {', '.join(sources) or 'no source yet'}"
            yield Finding(f"skill {name}", "ok", " ".join([f"{acts};", *needs.lacking]).rstrip(";."))
        for source, sentence in clashes_of(settings, there[name]).items():
            fix = f"Turn it off there, then say so: skills.{name}.{there[name].settles}: true. Nobody here can see it."
            yield Finding(f"skill {name} beside {source}", "warn", sentence.removesuffix("."), fix)
