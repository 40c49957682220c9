"""Pipedrive: persons, deals and leads, by webhooks and by its API."""
