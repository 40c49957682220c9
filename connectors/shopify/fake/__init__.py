"""A Shopify of your own: the Admin API as far as an app that keeps customers in step can see it.

| module | holds |
|---|---|
| `app` | START HERE: the routes, and what stands between a query and its answer |
| `shop` | what happens in it, and the webhooks that tell of it |
| `settings` | how it behaves |
| `population`, `customers` | the customers of the start; what became of them |
| `schema`, `query` | the part of the platform's schema that is answered; what a document asks for |
| `graph`, `changes`, `nodes` | what can be asked for; what can be done; how it looks |
| `filters`, `cost` | the search syntax; points |
| `bulk`, `export`, `downloads` | bulk operations and their files |
| `sold`, `sales`, `habits` | products, orders, carts; what happens to them; what visitors do |
| `sale_bodies`, `sale_nodes`, `sale_acts` | the same as webhooks, in GraphQL, below `/fake` |
| `tokens`, `bodies`, `acts` | tokens; bodies of webhooks; what can be done below `/fake` |
| `part` | what it is in the demo |

`python -m connectors.shopify.fake --customers 1000000 --port 0`; the first line is the address.
"""
