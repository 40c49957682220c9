"""What can only be read: an order's refunds, the customers report, and what the site tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Response

from connectors.woocommerce.fake import params
from connectors.woocommerce.fake.goods import listed
from connectors.woocommerce.fake.rest import Call
from connectors.woocommerce.fake.wordpress import WpError, answer
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import iso


def refunds(call: Call, number: int) -> Response:
    """Return an order's refunds, in full."""
    call.may("orders", "list")
    order = call.store.records.order_row(number)
    at = f"{call.store.api()}/wc/v3/orders/{number}"
    rows = [
        {
            "id": one["id"],
            "date_created": order["date_modified"],
            "date_created_gmt": order["date_modified_gmt"],
            "amount": one["total"].lstrip("-"),
            "reason": one["reason"],
            "refunded_by": 1,
            "refunded_payment": False,
            **{name: [] for name in ("meta_data", "line_items", "shipping_lines", "tax_lines", "fee_lines")},
            "_links": {
                "self": [{"href": f"{at}/refunds/{one['id']}"}],
                "collection": [{"href": f"{at}/refunds"}],
                "up": [{"href": at}],
            },
        }
        for one in order["refunds"]
    ]
    return answer(rows, headers={"X-WP-Total": str(len(rows)), "X-WP-TotalPages": "1" if rows else "0"})


def variations(call: Call, number: int) -> Response:
    """Return a product's variations."""
    values = params.read(params.VARIATIONS, call.query)
    call.may("products", "list")
    shelf = call.store.records.shelf
    numbers = [row["id"] for row in shelf.parts_of(number) if values["status"] in ("any", row["status"])]

    def shown(part: int) -> Row:
        at = f"{call.store.api()}/wc/v3/products/{number}"
        links = {"self": [{"href": f"{at}/variations/{part}"}], "up": [{"href": at}]}
        return {**listed(shelf.row(part)), "_links": {**links, "collection": [{"href": f"{at}/variations"}]}}

    return call.page(values, numbers if values["order"] == "asc" else numbers[::-1], shown)


def setting(call: Call, group: str, name: str) -> Response:
    """Return one setting; only those that somebody asks for are here. Since 10.9 there is a cart recovery e-mail."""
    call.may("settings", "list")
    settings = call.store.settings
    known = {("general", "woocommerce_currency"): settings.currency}
    if settings.version != "9.8.3":
        group_name = "email_customer_abandoned_cart_recovery"
        known |= {(group_name, "enabled"): "yes", (group_name, "automated"): "yes" if settings.own_reminder else "no"}
    if (group, name) not in known:
        raise WpError(404, "rest_setting_setting_invalid", "Invalid setting.")
    return answer({"id": name, "label": name, "description": "", "type": "text", "value": known[group, name]})


def report(call: Call) -> Response:
    """Return the customers report of the analytics."""
    is_old = call.store.settings.version == "9.8.3"
    values = params.read(params.OLD_REPORT if is_old else params.REPORT, call.query)
    call.may("reports", "list")
    source = call.store.records.report

    def rank(value: Any, number: int) -> Any:
        return value is not None, value or (0 if isinstance(value, int | float) else ""), call.tie(values, number)

    def shown(number: int) -> Row | None:
        row, at = source.rows.get(number), f"{call.store.api()}/wc-analytics/customers"
        links = {"customer": [{"href": f"{at}/{number}"}], "collection": [{"href": at}]}
        return row and {**row, "_links": links if row["user_id"] else {}}

    return call.page(values, source.chosen(values, rank), shown)


def imports(call: Call) -> Response:
    """Return how the report is filled; since 10.5."""
    call.may("reports", "list")
    every_s, now_s = call.store.settings.report_every_s, call.store.clock()
    last, following = (now_s // every_s * every_s, (now_s // every_s + 1) * every_s) if every_s else (None, None)
    times = {"last_processed_date": last and iso(last), "next_scheduled": following and iso(following)}
    return answer({"mode": "scheduled" if every_s else "immediate", **times})


def system_status(call: Call) -> Response:
    """Return what WooCommerce tells of its installation; a small part of it."""
    call.may("system_status", "list")
    store, settings = call.store, call.store.settings
    environment = {
        "home_url": store.site().rstrip("/"),
        "site_url": store.site().rstrip("/"),
        "version": settings.version,
        "wp_version": "7.1",
        "wp_multisite": False,
        "wp_debug_mode": False,
        "wp_cron": not store.webhooks.sender.habits.is_paused,
        "language": "en_US",
        "php_version": "8.2.30",
        "default_timezone": "UTC",
        "remote_post_successful": True,
    }
    told = {
        "api_enabled": False,
        "force_ssl": False,
        "currency": settings.currency,
        "currency_symbol": "&euro;",
        "HPOS_enabled": settings.hpos,
        "HPOS_sync_enabled": False,
        "gmt_offset": settings.utc_offset_h,
    }
    return answer({"environment": environment, "database": {}, "active_plugins": [], "settings": told})


def index(call: Call) -> Response:
    """Return what the REST API tells of itself."""
    site = call.store.site().rstrip("/")
    names = ["oembed/1.0", "wc/v1", "wc/v2", "wc/v3", "wc/store/v1", "wc-analytics", "wp/v2"]
    about = {"name": "Demo shop", "description": "", "url": site, "home": site}
    zone = {"gmt_offset": call.store.settings.utc_offset_h, "timezone_string": ""}
    return answer({**about, **zone, "namespaces": names, "authentication": [], "routes": {}})


ROUTES: Final[Mapping[str, Callable[[Call], Response]]] = {
    "/": index,
    "/wc/v3/system_status": system_status,
    "/wc-analytics/reports/customers": report,
    "/wc-analytics/imports/status": imports,
}
