"""All routes of the sandbox."""

from __future__ import annotations

from typing import Final

from customer_sync.sandbox.routes import (
    Route,
    account,
    acts,
    attributes,
    catalogue,
    contacts,
    control,
    events,
    exports,
    groups,
    imports,
    lists,
    mail,
    orders,
    switches,
    webhooks,
)

#: Everything that is Brevo's.
BREVO_ROUTES: Final[tuple[Route, ...]] = (
    *attributes.ROUTES,
    *lists.ROUTES,
    *imports.ROUTES,
    *exports.ROUTES,
    *groups.ROUTES,
    *mail.ROUTES,
    *contacts.ROUTES,
    *webhooks.ROUTES,
    *orders.ROUTES,
    *catalogue.ROUTES,
    *events.ROUTES,
    *account.ROUTES,
)
#: What the sandbox has beside it.
OWN_ROUTES: Final[tuple[Route, ...]] = (*control.ROUTES, *switches.ROUTES, *acts.ROUTES)
