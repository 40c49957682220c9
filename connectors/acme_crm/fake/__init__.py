"""Acme CRM in memory: it judges what a connector file makes of a platform.

| module | holds |
|---|---|
| `app` | START HERE: the routes, and what is answered |
| `crm` | the customers and deals, what happens to them, and what is told of it |
| `settings` | how it is set up |

Nobody has seen the real one: there is none. `python -m connectors.acme_crm.fake --customers 1000 --port 0`; the first
line is the address.
"""
