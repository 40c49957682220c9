"""A Stripe of your own: the API as far as a program that keeps customers in step can see it.

| module | holds |
|---|---|
| `app` | START HERE: the routes, who may call, what is refused |
| `books` | customers, subscriptions, invoices, charges; what happens to them, and the events that tell of it |
| `shelf` | objects of one kind, listed the newest first |
| `bodies` | how they look, in the generation before 2025-03-31 and after |
| `params` | forms and queries: `metadata[a]=b`, `types[]=`, `created[gte]=` |
| `endpoints` | webhook endpoints and their signatures |
| `acts`, `town` | what can be done below `/fake`; what its people do |
| `settings` | how it behaves |

`python -m connectors.stripe.fake --customers 1000 --port 0`; the first line is the address.
"""
