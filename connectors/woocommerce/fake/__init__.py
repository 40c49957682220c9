"""A WooCommerce shop in memory: it judges what a client of the real thing does.

| module | holds |
|---|---|
| `app` | START HERE: the routes, and which part of WordPress answers a path |
| `store` | the store as one object, and the bodies of its webhooks |
| `settings` | how it is set up, and its switches |
| `records` | what happens to accounts, orders and products |
| `people`, `orders`, `goods` | what there is at the start, and how it looks |
| `rest`, `reads`, `params` | the REST API: what is written and listed, what can only be read, what a query may say |
| `report` | the customers report of the analytics |
| `checkout`, `authorize` | the block checkout; keys for whoever the owner agrees to |
| `keys`, `webhooks`, `wordpress` | who calls; whom to tell; how WordPress writes |
| `acts` | what can be done below `/fake` |
| `part` | what it is in the demo |

What is marked as seen was seen on a running shop, the rest read in WooCommerce's source. `python -m
connectors.woocommerce.fake --customers 1000 --port 0`; the first line is the address.
"""
