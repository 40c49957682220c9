"""A HubSpot of your own: contacts, deals, statuses and webhooks, as an app that keeps customers in step sees them.

| module | holds |
|---|---|
| `app` | START HERE: the routes, and what stands between a call and its answer |
| `objects`, `desk`, `answers` | what is asked for below `/crm`; beside it; how the platform says no |
| `portal` | the account: what happens in it |
| `settings` | how it behaves |
| `records` | contacts and deals as they are kept, and as they are shown |
| `search` | filters, order and limits of a search |
| `preferences` | who is subscribed to what, by address |
| `apps` | the apps' webhooks: subscriptions, arrays, signatures, tries |
| `tokens` | the token that does not end, and those of 30 minutes |
| `acts`, `people` | what can be done below `/fake`; what people do by themselves |

Both generations of paths are answered: `/crm/objects/2026-09/contacts` and `/crm/v3/objects/contacts`.

`python -m connectors.hubspot.fake --customers 10000 --port 0`; the first line is the address.
"""
