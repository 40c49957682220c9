"""What Brevo's answers about orders, products, events and mails mean; see `customer_sync.brevo.answers`."""

from __future__ import annotations

from typing import Final

from customer_sync.brevo.answers import Answer, Answers, Next, common

_SHOP_ACCESS: Final = "read and write access to eCommerce"
#: An account without eCommerce: every lane of the shop waits for the same reason.
COMMERCE_OFF: Final = Answer(
    403,
    Next.CONFIG,
    "eCommerce is not activated in Brevo.",
    "`tajo brevo activate` switches it on, which takes about five minutes. What waits is kept and then goes by itself.",
    words="ecommerce is not activated",
)

#: `/ecommerce`: https://developers.brevo.com/reference/get-display-currency. 403 with these words: it is off.
COMMERCE: Final = Answers(
    "the question after eCommerce",
    (
        COMMERCE_OFF._replace(next=Next.MISSING),
        Answer(422, Next.PARK, "Brevo does not know this currency.", "Write its ISO 4217 code, as EUR."),
        *common(_SHOP_ACCESS),
    ),
    "Look at Commerce in https://app.brevo.com.",
)

#: `/orders/status` and `/orders/status/batch`: https://developers.brevo.com/reference/create-order
ORDERS: Final = Answers(
    "the order",
    (
        COMMERCE_OFF,
        Answer(413, Next.PARK, "The order is too large for Brevo.", "Report it with the order."),
        *common(_SHOP_ACCESS),
    ),
    "Correct the order in the shop, then replay.",
)

#: `POST /smtp/email`: https://developers.brevo.com/reference/send-transac-email. Nothing was sent where it is refused,
#: except where the key was used before.
MAILS: Final = Answers(
    "the mail",
    (
        # Brevo's page on versions of mails: a key that was used in the last 30 minutes; `invalid_parameter` elsewhere
        Answer(400, Next.TAKEN, "This mail was sent before.", words="idempot", fields=("idempotencyKey",)),
        Answer(400, Next.TAKEN, "This mail was sent before.", code="duplicate_parameter", fields=("idempotencyKey",)),
        Answer(400, Next.FIELDS, "Brevo does not accept the address.", words="email is not valid", fields=("to",)),
        # the words were seen for double opt-in (verbb/formie issue 1704)
        Answer(400, Next.MISSING, "Brevo cannot use the template of the mail.", words="template"),
        Answer(404, Next.MISSING, "Brevo cannot use the template of the mail."),
        Answer(
            402,
            Next.CONFIG,
            "The Brevo account has no credit for mails left.",
            "Add credit at https://app.brevo.com/billing/account/plans: what is due then goes on by itself.",
        ),
        *common("permission to send transactional e-mail"),
    ),
    "Look at the sender and the template at https://app.brevo.com/templates/listing, then replay.",
)

#: `/smtp/templates/{templateId}`: https://developers.brevo.com/reference/get-smtp-template
TEMPLATES: Final = Answers(
    "the question after a template",
    (Answer(404, Next.MISSING, "The template is not in Brevo."), *common("read access to templates")),
    "Compare with the templates at https://app.brevo.com/templates/listing.",
)

#: `GET /smtp/emails`: https://developers.brevo.com/reference/get-transac-emails-list
MAIL_LOG: Final = Answers(
    "the question after mails that were sent",
    (Answer(404, Next.MISSING, "Brevo knows no such mail."), *common("read access to transactional e-mail")),
    "Look at https://status.brevo.com.",
)

#: What Brevo may refuse of a product, by the words of its answer; without it the product is sent all the same. The
#: longer words come first: `price` is part of `alternativePrice`.
_OPTIONAL: Final = (
    "alternativePrice",
    "categories",
    "description",
    "metaInfo",
    "price",
    "stock",
    "brand",
    "sku",
    "url",
)

#: `/products`, `/categories` and their batches: https://developers.brevo.com/reference/create-update-product
PRODUCTS: Final = Answers(
    "the product",
    (
        COMMERCE_OFF,
        Answer(400, Next.FIELDS, "Brevo refused the picture.", words="image", fields=("imageUrl",)),
        *(Answer(400, Next.FIELDS, f"Brevo refused {one}.", words=one.lower(), fields=(one,)) for one in _OPTIONAL),
        Answer(413, Next.PARK, "The product is too large for Brevo.", "Shorten its description in the shop."),
        *common(_SHOP_ACCESS),
    ),
    "Correct the product in the shop, then replay.",
)

#: `/events` and `/events/batch`: https://developers.brevo.com/reference/create-event
EVENTS: Final = Answers(
    "the event", common("read and write access to events"), "Report it with the event's name, then replay."
)
