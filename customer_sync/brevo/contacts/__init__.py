"""Contacts: how a person becomes a contact in Brevo, singly (`handler`) or many in one import (`gear`)."""
