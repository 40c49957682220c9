"""Shopify: signed webhooks of customers, consent, orders, products, carts and checkouts."""
