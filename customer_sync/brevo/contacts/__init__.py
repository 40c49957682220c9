"""Contacts: how a person becomes a contact in Brevo, one by one (`handler`) or many in one import (`gear`)."""
