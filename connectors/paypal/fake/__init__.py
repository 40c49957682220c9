"""A PayPal in memory: payers who pay, subscribe and are paid back, with signed webhooks.

What it does was read in PayPal's documents and API descriptions (paypal-rest-api-specifications, 2026-11) and in
reports of what differs from them; each place says where. Its certificates are its own: `GET /fake/roots` has the root
that they lead to.
"""
