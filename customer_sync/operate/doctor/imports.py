"""What imports may do in this account, as it was proven, and what they may not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from customer_sync.brevo.proof.doors import DOORS, REMEDY, Door, DoorBook
from customer_sync.operate.doctor.findings import Finding, Patient

#: Door → what imports do where it is open.
_DO: Final = {"updates": "change people who are in Brevo", "phones": "carry phones and ids", "lists": "put on lists"}
#: Why a door is closed, where somebody should look: it was open, or what was proven is not true any more.
_LOOK: Final = frozenset({"flipped", "contradicted", "expired", "new_key", "new_version", "new_mapping"})


def examine_imports(patient: Patient) -> Iterator[Finding]:
    """Yield one finding: the open doors, and why the others are closed."""
    doors = DoorBook(patient.settings, patient.store, lambda: int(patient.now_s() * 1000)).read()
    each = [doors.door(name) for name in DOORS]
    shut = [one for one in each if not one.is_open]
    told = ", ".join(["create", *(_DO[one.name] for one in each if one.is_open)])
    told += " only" if len(shut) == len(each) else ""
    whys = "; ".join(_why(shut))
    closed = set(patient.store.proofs.read().closed) & {one.name for one in shut}
    looks = closed or any(one.why in _LOOK for one in shut)
    fix = REMEDY if any(one.remedy for one in shut) else ""
    cause = f"{told}; {whys}" if whys else told
    yield Finding("imports", "warn" if looks else "ok", cause, fix, code="imports_closed" if closed else "")


def _why(shut: list[Door]) -> Iterator[str]:
    """Yield each reason once, with the doors that it closes."""
    texts: dict[str, list[str]] = {}
    for one in shut:
        texts.setdefault(one.text, []).append(one.name)
    for text, names in texts.items():
        yield f"{', '.join(names)} closed: {text.removesuffix('.')}"
