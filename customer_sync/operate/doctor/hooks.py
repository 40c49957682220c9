"""Whether Brevo tells us at once who leaves there: its webhook is made, complete, and carries our token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from customer_sync.brevo.hooks import address_of, hooks_at, missing_events, token_of
from customer_sync.brevo.webhooks import SOURCE
from customer_sync.errors import ConfigError, TajoError
from customer_sync.operate.doctor.findings import Finding, Patient
from customer_sync.store.doors import Door

#: The check.
NAME: Final = "webhook of brevo"
_FIX: Final = "`tajo brevo install` puts it right. Until then the nightly compare finds who left."


def examine_hooks(patient: Patient) -> Iterator[Finding]:
    """Yield what Brevo says of its webhook that leads here, where both sides are known."""
    settings, public_url = patient.settings.brevo, patient.settings.public_url
    tokens = settings.webhook_secrets or tuple(filter(None, [token_of(patient.settings, patient.home)]))
    if patient.brevo is None or settings.is_sandbox or not tokens:
        return  # told by the checks of the account and of the secrets; `tajo run` makes that of its sandbox
    if public_url is None:
        fix = "Set TAJO_PUBLIC_URL to the address at which Brevo reaches this service, then `tajo brevo install`."
        yield Finding(NAME, "warn", "nobody knows where Brevo could tell who leaves there", fix)
        return
    address = address_of(public_url)
    try:
        hooks = hooks_at(patient.brevo, address)
    except ConfigError as error:
        yield Finding(NAME, "warn", error.reason, error.remedy)
        return
    except TajoError as error:
        yield Finding(NAME, "warn", f"not checked: {error}", "Try again in a moment.")
        return
    if not hooks:
        yield Finding(NAME, "warn", f"none leads to {address}: who leaves there is not heard of at once", _FIX)
    elif any(hook.carries(*tokens) is False for hook in hooks):
        yield Finding(NAME, "warn", "it carries another token: what it tells is refused here", _FIX)
    elif missing := missing_events(hooks, *tokens):
        yield Finding(NAME, "warn", f"it does not tell of {', '.join(missing)}", _FIX)
    elif all(hook.carries(*tokens) for hook in hooks) or _is_heard(patient):
        yield Finding(NAME, "ok", f"leads to {address}, and tells of all that is needed")
    else:
        yield Finding(
            NAME, "warn", "nothing has come of it yet, and Brevo does not show whether it carries a token", _FIX
        )


def _is_heard(patient: Patient) -> bool:
    """Tell whether the last that Brevo told was taken."""
    door = patient.store.doors.read().get(SOURCE, Door())
    return door.accepted_ms is not None and not door.in_a_row
