"""A Salesforce of your own: tokens, the REST API as far as a program that keeps customers in step sees it, messages.

| module | holds |
|---|---|
| `app` | START HERE: the routes, and what stands between a call and its answer |
| `org` | the records, and what happens to them |
| `settings`, `schema` | how it behaves; which objects and fields there are |
| `soql` | the query language, as far as it is asked |
| `tokens` | three grants; refresh tokens that work once |
| `tooling`, `messages` | outbound messages and their flows; what they send, and again without an Ack |
| `bulk` | query jobs, and their CSV by locator |
| `acts` | what can be done below `/fake` |

`python -m connectors.salesforce.fake --customers 1000 --port 0`; the first line is the address.
"""
