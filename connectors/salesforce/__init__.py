"""Salesforce: contacts, leads and opportunities, by outbound messages, signed JSON and the REST API."""
