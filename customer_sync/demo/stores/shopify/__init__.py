"""A Shopify of your own: the Admin API as far as an app that keeps customers in step can see it.

Start reading at `shop`, which holds everything together.

```
settings      how a shop behaves            app · admin · control   the routes
crowd         the customers of the start    oauth                   tokens
customers     what became of them           graphql · executor      queries, walked over plain values
nodes         how they look in GraphQL      roots · mutations       what can be asked for
filters       the search syntax             cost                    points and the leaky bucket
bulk · export bulk operations               hooks · bodies          outgoing webhooks
faults        what goes wrong on request    schema                  the platform's own, when it is at hand
```

```python
shop = FakeShop(Settings(customers=100))
client = shop.app.test_client()
```

As a process: `python -m customer_sync.demo.stores.shopify --customers 1000000 --port 0`; the first line is the address.
Switches and oracles are below `/fake` (see `control`).
"""
