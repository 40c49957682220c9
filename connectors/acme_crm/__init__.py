"""Acme CRM: an invented platform, and the example of a connector that is one file."""
