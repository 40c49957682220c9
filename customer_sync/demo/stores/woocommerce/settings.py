"""How the fake store is set up, and the switches that may be thrown while it runs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

#: What a key may do.
PERMISSIONS: Final = ("read", "write", "read_write")
#: What can be forbidden to a key's user, one word each.
AREAS: Final = ("customers", "orders", "products", "webhooks", "system_status", "reports")
#: What became of the user who made the webhooks: still there, without rights, or deleted.
OWNERS: Final = ("well", "demoted", "gone")
#: The key that works when none is chosen.
KEY: Final = "ck_00000000000000000000000000000000000000f1"
SECRET: Final = "cs_00000000000000000000000000000000000000f1"  # noqa: S105 - opens a fake on the loopback


@dataclass(slots=True)
class Settings:
    """What a store is, and how it behaves.

    Args:
        customers: how many accounts it starts with; ten orders come with every eight of them.
        products: how many products.
        seed: the same number makes the same people and orders.
        key: the consumer key; more are made by `/wc-auth/` or the control routes.
        secret: the consumer secret.
        permissions: what the key may do, one of `PERMISSIONS`.
        site_url: what the store believes to be its address; "" takes the address that it is called at.
        utc_offset_h: the site's own zone, hours east of UTC.
        currency: the shop's one currency.
        behind_tls: calls count as made over HTTPS, although they come over HTTP: keys are accepted as Basic or in the
            query. Without it only OAuth 1.0a is.
        strip_authorization: the host in front of PHP drops the `Authorization` header.
        pretty_permalinks: `/wp-json/` works; without it only `?rest_route=` does.
        forbidden: the areas that the keys' user may not see, of `AREAS`.
        hide_every: every so many-th order and product may not be read by the keys' user; 0 hides none.
        ignores_modified: an old store that knows no `modified_after`.
        max_per_second: calls beyond are answered 429, as hosts do; 0 has no limit.
        webhooks: whether changes raise webhooks at all; imports and batch paths of real stores raise none.
        scheduler_delay_s: how long a webhook waits until the background jobs run.
        scheduler_runs: False is a site without cron: webhooks wait until somebody asks for them.
        owner: who the webhooks belong to, one of `OWNERS`.
        approves: whether the shop owner agrees at `/wc-auth/`.
        https_callbacks: `/wc-auth/` takes no http callback, not even on the loopback.
        report_lag_s: how long the customers report shows the old state after a change.
        delivery_timeout_s: how long a webhook's receiver may take.
        ping_timeout_s: how long the receiver of a ping may take.
    """

    customers: int = 100
    products: int = 24
    seed: int = 1
    key: str = KEY
    secret: str = SECRET
    permissions: str = "read_write"
    site_url: str = ""
    utc_offset_h: float = 1.0
    currency: str = "EUR"
    behind_tls: bool = False
    strip_authorization: bool = False
    pretty_permalinks: bool = True
    forbidden: tuple[str, ...] = ()
    hide_every: int = 0
    ignores_modified: bool = False
    max_per_second: int = 0
    webhooks: bool = True
    scheduler_delay_s: float = 0.0
    scheduler_runs: bool = True
    owner: str = "well"
    approves: bool = True
    https_callbacks: bool = False
    report_lag_s: float = 5.0
    delivery_timeout_s: float = 60.0
    ping_timeout_s: float = 5.0

    def throw(self, switches: dict[str, Any]) -> None:
        """Change switches of a running store.

        Raises:
            ValueError: one is unknown, has another type, or names what does not exist.
        """
        for name, value in switches.items():
            if name not in SWITCHES:
                raise ValueError(f"{name}: one of {', '.join(SWITCHES)}")
            kind = SWITCHES[name]
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise ValueError(f"{name}: of the wrong type")
        for name, choices in (("owner", OWNERS), ("permissions", PERMISSIONS)):
            if switches.get(name, choices[0]) not in choices:
                raise ValueError(f"{name}: one of {', '.join(choices)}")
        if set(switches.get("forbidden", ())) - set(AREAS):
            raise ValueError(f"forbidden: of {', '.join(AREAS)}")
        for name, value in switches.items():
            setattr(self, name, tuple(value) if name == "forbidden" else value)

    def row(self) -> dict[str, Any]:
        """Return every setting but the secret."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "secret"}


#: What may be changed while the store runs, and its type.
SWITCHES: Final[dict[str, type | tuple[type, ...]]] = {
    **dict.fromkeys(("behind_tls", "strip_authorization", "pretty_permalinks", "ignores_modified"), bool),
    **dict.fromkeys(("webhooks", "scheduler_runs", "approves", "https_callbacks"), bool),
    **dict.fromkeys(("scheduler_delay_s", "report_lag_s", "delivery_timeout_s", "ping_timeout_s"), (int, float)),
    **dict.fromkeys(("hide_every", "max_per_second"), int),
    **dict.fromkeys(("owner", "site_url"), str),
    "forbidden": (list, tuple),
}
