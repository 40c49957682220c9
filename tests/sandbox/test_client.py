"""Brevo's own client as a judge: it drives each endpoint and must understand every answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx
import pytest
from brevo import Brevo
from brevo.contacts import RequestContactExportRequestCustomContactFilter
from brevo.core.api_error import ApiError
from brevo.ecommerce import (
    CreateProductAlertRequestContactIdentifiers,
    CreateUpdateBatchCategoryRequestCategoriesItem,
    CreateUpdateBatchProductsRequestProductsItem,
)
from brevo.event import (
    CreateBatchEventsRequestEventsItem,
    CreateBatchEventsRequestEventsItemIdentifiers,
    CreateEventRequestIdentifiers,
)
from brevo.transactional_emails import CreateSmtpTemplateRequestSender, SendTransacEmailRequestToItem
from brevo.types import Order, OrderIdentifiers, OrderProductsItem

from tests.sandbox_server import SandboxClient, sandbox_server

ANN = "ann@example.com"
T = TypeVar("T")


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxClient]:
    with sandbox_server("--switch", "import_delay_s=0.05", "--switch", "time_scale=0.0001") as found:
        yield found


@pytest.fixture
def sandbox(running: SandboxClient) -> SandboxClient:
    running.reset()
    return running


@pytest.fixture
def client(sandbox: SandboxClient) -> Iterator[Brevo]:
    with httpx.Client() as http:
        yield Brevo(api_key="test", base_url=sandbox.url, max_retries=0, httpx_client=http)


def wait_for(check: Callable[[], T], timeout_s: float = 5.0) -> T:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def refused(call: Callable[[], object]) -> tuple[int, str]:
    """Return the status and the code of an error."""
    with pytest.raises(ApiError) as caught:
        call()
    body = caught.value.body
    return caught.value.status_code, body["code"] if isinstance(body, dict) else body.code


def test_consent_groups(client, sandbox):
    off = refused(client.consent_groups.get_consent_groups)
    sandbox.switch(consent_groups=True)
    made = client.consent_groups.create_consent_group(name="Sales", signup_mode="manual")
    changed = client.consent_groups.update_consent_group(made.id, description="of things")
    client.contacts.create_contact(email=ANN)
    sandbox.act("leave_group", ANN, group_ids=[made.id])
    read = client.contacts.get_contact_info(ANN)
    listed = client.consent_groups.get_consent_groups(limit=50)
    client.consent_groups.delete_consent_group(made.id)

    assert off == (403, "CONSENT_GROUP_NOT_ENABLED")
    assert (changed.description, changed.is_default, changed.contacts_count) == ("of things", False, 0)
    assert [(one.id, one.status) for one in read.consent_groups] == [(1, "subscribed"), (made.id, "unsubscribed")]
    assert (listed.total, [one.name for one in listed.consent_groups]) == (2, ["Marketing", "Sales"])
    assert refused(lambda: client.consent_groups.get_consent_group(made.id)) == (404, "document_not_found")


def test_exports(client, sandbox):
    client.contacts.create_contact(email=ANN, list_ids=[2])
    choice = RequestContactExportRequestCustomContactFilter(action_for_contacts="allContacts", list_id=2)
    number = client.contacts.request_contact_export(
        custom_contact_filter=choice, export_metadata=["_listIds"]
    ).process_id

    def done():
        process = client.process.get_process(number)
        return process if process.status == "completed" else None

    process = wait_for(done)

    text = httpx.get(process.export_url).text
    assert (process.name, text.splitlines()[1].partition(";")[0]) == ("CONTACT_EXPORT", ANN)


def test_lists_that_people_left_and_their_statistics(client, sandbox):
    client.contacts.create_contact(email=ANN, list_ids=[2, 3])
    sandbox.act("leave_list", ANN, list_ids=[2])
    sandbox.act("spam", ANN)
    read = client.contacts.get_contact_info(ANN)

    assert (read.list_ids, read.list_unsubscribed, read.email_blacklisted) == ([3], [2], True)
    assert len(read.statistics.complaints) == len(read.statistics.unsubscriptions.user_unsubscription) == 1


def test_webhooks_are_registered_and_fired(client, sandbox):
    made = client.webhooks.create_webhook(url="http://127.0.0.1:9/", type="marketing", events=["spam"])
    client.contacts.create_contact(email=ANN)
    sandbox.act("spam", ANN)

    deliveries = wait_for(lambda: [one for one in sandbox.deliveries() if one["statuses"]])

    assert client.webhooks.get_webhook(made.id).events == ["spam"]
    assert deliveries[0]["body"]["event"] == "spam"


AT = "2026-11-21T10:00:00.000Z"


def order(number: str, **more) -> Order:
    lines = [OrderProductsItem(product_id="p1", price=20.5, quantity=1)]
    who = OrderIdentifiers(email_id=ANN)
    values = {
        "amount": 20.5,
        "created_at": AT,
        "updated_at": AT,
        "status": "paid",
        "products": lines,
        "identifiers": who,
    }
    return Order(id=number, **{**values, **more})


def test_the_shop_is_activated_and_has_a_currency(client):
    client.ecommerce.activate_the_e_commerce_app()
    shop = client.ecommerce
    first = shop.get_the_iso4217compliant_display_currency_code_for_your_brevo_account()
    wrong = refused(lambda: shop.set_config_display_currency(code="EURO"))
    changed = shop.set_config_display_currency(code="EUR")

    assert (first.code, wrong, changed.code) == ("USD", (422, "unprocessable_entity"), "EUR")


def test_orders(client, sandbox):
    one = order("o1")
    client.ecommerce.create_order(
        id=one.id,
        amount=one.amount,
        created_at=AT,
        updated_at=AT,
        status=one.status,
        products=one.products,
        identifiers=one.identifiers,
    )
    batch = client.ecommerce.create_batch_order(orders=[order("o2"), order("o3")])
    listed = client.ecommerce.get_orders(sort="asc")

    assert batch.count == 2
    assert [row["id"] for row in listed["orders"]] == ["o1", "o2", "o3"]
    assert sandbox.automations()["orders"] == 1


def test_products_and_categories(client):
    shop = client.ecommerce
    made = shop.create_update_category(id="c1", name="Coats")
    batch = shop.create_update_batch_category(
        categories=[CreateUpdateBatchCategoryRequestCategoriesItem(id="c2", name="C")]
    )
    shop.create_update_product(id="p1", name="Coat", price=30.5, categories=["c1"])
    rows = [CreateUpdateBatchProductsRequestProductsItem(id=number, name="P") for number in ("p1", "p2")]
    many = shop.create_update_batch_products(products=rows, update_enabled=True)

    client.contacts.create_contact(email=ANN)
    who = CreateProductAlertRequestContactIdentifiers(email=ANN)
    shop.create_product_alert("p1", contact_identifiers=who)
    unknown = refused(lambda: shop.create_product_alert("p9", contact_identifiers=who))

    assert unknown == (404, "document_not_found")
    assert (made.id, batch.created_count) == (1, 1)
    assert (many.created_count, many.updated_count) == (1, 1)
    assert shop.get_product_info("p1").name == "P"
    assert shop.get_category_info("c1").is_deleted is False
    assert (shop.get_products(price_gte=30).count, shop.get_categories(limit=1).count) == (1, 2)
    assert refused(lambda: shop.create_update_product(id="p1", name="Again")) == (400, "duplicate_parameter")


def test_events(client, sandbox):
    client.contacts.create_contact(email=ANN)
    who = CreateEventRequestIdentifiers(email_id=ANN)
    client.event.create_event(event_name="cart_updated", identifiers=who, event_properties={"id": "cart:1"})
    good, bad = (
        CreateBatchEventsRequestEventsItem(
            event_name=name, identifiers=CreateBatchEventsRequestEventsItemIdentifiers(email_id=ANN)
        )
        for name in ("cart_deleted", "cart.deleted")
    )
    whole = client.event.create_batch_events(events=[good, good])
    part = client.event.with_raw_response.create_batch_events(events=[good, bad])
    listed = client.event.get_events(event_name=["cart_updated"])

    assert (whole.count, part.data.failed_events, part.data.status) == (2, 1, "partial_success")
    assert (listed.count, listed.events[0].event_properties) == (1, {"id": "cart:1"})
    assert sandbox.automations()["events"] == 4
    assert refused(lambda: client.event.create_event(event_name="a.b", identifiers=who)) == (400, "invalid_parameter")


def test_mails_templates_and_who_gets_none(client, sandbox):
    mails = client.transactional_emails
    client.contacts.create_contact(email=ANN)
    to = [SendTransacEmailRequestToItem(email=ANN)]
    sent = mails.send_transac_email(template_id=1, to=to, headers={"idempotencyKey": "k"})
    again = refused(lambda: mails.send_transac_email(template_id=1, to=to, headers={"idempotencyKey": "k"}))
    inactive = refused(lambda: mails.send_transac_email(template_id=2, to=to))
    sandbox.act("spam", ANN)
    blocked = mails.get_transac_blocked_contacts()
    mails.unblock_or_resubscribe_a_transactional_contact(ANN)
    listed = mails.get_transac_emails_list(email=ANN)
    templates = mails.get_smtp_templates(template_status=True)

    assert [(one["to"], one["emailBlacklisted"]) for one in sandbox.mails()] == [(ANN, False)]
    assert (again, inactive) == ((400, "duplicate_parameter"), (400, "invalid_parameter"))
    assert [one.reason.code for one in blocked.contacts] == ["contactFlaggedAsSpam"]
    assert [one.message_id for one in listed.transactional_emails] == [sent.message_id]
    assert [one.name for one in templates.templates] == ["Confirm your address", "Abandoned cart"]
    assert mails.get_smtp_template(3).doi_template is True


def test_a_template_is_made_changed_and_deleted(client):
    mails = client.transactional_emails
    sender = CreateSmtpTemplateRequestSender(email="shop@example.com")
    made = mails.create_smtp_template(template_name="T", subject="S", sender=sender, html_content="<p>Hello you</p>")
    mails.update_smtp_template(made.id, is_active=True)
    active = refused(lambda: mails.delete_smtp_template(made.id))
    mails.update_smtp_template(made.id, is_active=False)
    mails.delete_smtp_template(made.id)

    assert active == (405, "method_not_allowed")
    assert refused(lambda: mails.get_smtp_template(made.id)) == (404, "document_not_found")


def test_a_double_opt_in(client, sandbox):
    client.contacts.create_doi_contact(
        email=ANN, include_list_ids=[2], redirection_url="https://shop.example", template_id=3
    )
    before = client.contacts.get_contacts().count
    sandbox.act("confirm", ANN)

    assert before == 0
    assert client.contacts.get_contact_info(ANN).list_ids == [2]


def test_the_account(client):
    assert client.account.get_account().plan[0].credits == 100_000
