"""A BigCommerce store in memory: it judges what a client of the real thing does.

| module | holds |
|---|---|
| `app` | START HERE: the routes of V3, V2 and the login, the key, the rate limit |
| `store` | the store as one object: what happens to its records, and who is told |
| `hooks` | the webhooks: who may have which, how they are signed, when they are switched off |
| `rows` | how customers, subscribers, orders, products and carts look |
| `lists` | V3's numbered pages and filters, V2's bare arrays |
| `settings` | how it is set up, and its switches |
| `acts` | what can be done below `/fake` |

Written from BigCommerce's OpenAPI descriptions and recorded deliveries, 2026-11; nothing was seen on a live store.
`python -m connectors.bigcommerce.fake --customers 1000 --port 0`; the first line is the address.
"""
