"""HubSpot: contacts and deals, by signed webhooks and its CRM API."""
