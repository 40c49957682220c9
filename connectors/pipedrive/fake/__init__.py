"""A Pipedrive company of your own: the API and the webhooks as far as a program that keeps customers in step sees them.

| module | holds |
|---|---|
| `app` | START HERE: the routes, and what stands between a call and its answer: key, limits, firewall |
| `company` | who is in it, and what happens to them |
| `rows` | how persons, deals, leads and organizations look |
| `lists` | the two ways of paging |
| `hooks` | webhooks: who is told what, retries, the counter of failures and what follows from it |
| `acts` | what can be done below `/fake` |
| `settings` | how it behaves |

`python -m connectors.pipedrive.fake --customers 1000 --port 0`; the first line is the address.
"""
