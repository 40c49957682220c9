"""Stripe: customers, subscriptions, invoices and payments, by signed webhooks and by its API."""
