"""PayPal: payers, subscriptions and payments, by verified webhooks and by its reporting API."""
