"""`/wp-json/...`: the routes of WooCommerce's REST API v3 and of its customers report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from customer_sync.demo.stores.woocommerce.answers import Answer, no_route
from customer_sync.demo.stores.woocommerce.kinds import KINDS, get_order
from customer_sync.demo.stores.woocommerce.report_route import report
from customer_sync.demo.stores.woocommerce.resource import Call

if TYPE_CHECKING:
    from customer_sync.demo.stores.woocommerce.store import FakeStore


def refunds(store: FakeStore, call: Call, number: int) -> Answer:
    """Return an order's refunds, in full."""
    call.may(store, "orders", "list")
    order = get_order(store, number)
    at = f"{call.place.root}/wc/v3/orders/{number}"
    rows = [
        {
            "id": one["id"],
            "date_created": order["date_modified"],
            "date_created_gmt": order["date_modified_gmt"],
            "amount": one["total"].lstrip("-"),
            "reason": one["reason"],
            "refunded_by": 1,
            "refunded_payment": False,
            "meta_data": [],
            "line_items": [],
            "shipping_lines": [],
            "tax_lines": [],
            "fee_lines": [],
            "_links": {
                "self": [{"href": f"{at}/refunds/{one['id']}"}],
                "collection": [{"href": f"{at}/refunds"}],
                "up": [{"href": at}],
            },
        }
        for one in order["refunds"]
    ]
    return Answer(rows, headers={"X-WP-Total": str(len(rows)), "X-WP-TotalPages": "1" if rows else "0"})


def system_status(store: FakeStore, call: Call) -> Answer:
    """Return what WooCommerce tells of its installation; a small part of it."""
    call.may(store, "system_status", "list")
    site, hours = store.site().rstrip("/"), store.settings.utc_offset_h
    environment = {
        "home_url": site,
        "site_url": site,
        "version": "11.1.0",
        "wp_version": "7.0",
        "wp_multisite": False,
        "wp_debug_mode": False,
        "wp_cron": store.settings.scheduler_runs,
        "language": "en_US",
        "php_version": "8.4.1",
        "default_timezone": "UTC",
        "remote_post_successful": True,
    }
    settings = {
        "api_enabled": False,
        "force_ssl": False,
        "currency": store.settings.currency,
        "currency_symbol": "&euro;",
        "HPOS_enabled": True,
        "HPOS_sync_enabled": False,
        "gmt_offset": hours,
    }
    return Answer({"environment": environment, "database": {}, "active_plugins": [], "settings": settings})


def _index(store: FakeStore, _call: Call) -> Answer:
    site = store.site().rstrip("/")
    names = ["oembed/1.0", "wc/v1", "wc/v2", "wc/v3", "wc-analytics", "wp/v2"]
    about = {
        "name": "Demo shop",
        "description": "",
        "url": site,
        "home": site,
        "gmt_offset": store.settings.utc_offset_h,
    }
    return Answer({**about, "timezone_string": "", "namespaces": names, "authentication": [], "routes": {}})


_ITEM = re.compile(r"/wc/v3/(customers|orders|products|webhooks)(?:/(\d+)|/(batch))?/?")
_REFUNDS = re.compile(r"/wc/v3/orders/(\d+)/refunds/?")


def answer(store: FakeStore, call: Call) -> Answer:
    """Answer a call of the REST API.

    Raises:
        WpError: whatever WordPress refuses.
    """
    route = call.place.route
    if match := _ITEM.fullmatch(route):
        kind = KINDS[match[1]]
        if match[3]:
            return kind.batch(store, call)
        if match[2] is None and call.method not in {"GET", "POST"}:
            raise no_route()
        return kind.answer(store, call, int(match[2]) if match[2] else None)
    if call.method != "GET":
        raise no_route()
    if match := _REFUNDS.fullmatch(route):
        return refunds(store, call, int(match[1]))
    reads = {"/wc/v3/system_status": system_status, "/wc-analytics/reports/customers": report, "": _index}
    found = reads.get(route.rstrip("/"))
    if found is None:
        raise no_route()
    return found(store, call)
