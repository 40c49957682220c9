"""The lanes to Brevo beside that of contacts: what each keeps, and which limit its calls count against.

The limits are those of https://developers.brevo.com/docs/api-limits; what an account really allows is learned from its
answers.
"""

from __future__ import annotations

from typing import Final

from customer_sync.engine.lane import LaneDescription

#: One record for each order: its state, and what Brevo has of it.
ORDERS: Final = LaneDescription("orders", keeps="record", bucket="orders", destination="Brevo")
#: One record for each product, variant and category.
PRODUCTS: Final = LaneDescription("products", keeps="record", bucket="products", destination="Brevo")
#: One record for each cart, and one for each order that is told as an event.
EVENTS: Final = LaneDescription("events", keeps="record", bucket="events", destination="Brevo")
#: One record for each series of mails.
MAIL: Final = LaneDescription("mail", keeps="record", bucket="mail", destination="Brevo")

#: All of them.
RECORD_LANES: Final = (ORDERS, PRODUCTS, EVENTS, MAIL)
