"""A Magento shop in memory: it judges what a client of the real thing does.

| module | holds |
|---|---|
| `app` | START HERE: the routes of the REST API and its answers |
| `settings` | how it is set up, and its switches |
| `keys` | OAuth 1.0a with HMAC-SHA256, the token alone, Adobe's tokens |
| `criteria` | `searchCriteria`: filters, order, pages |
| `shop` | what there is, and what happens to it |
| `bodies` | how records look |
| `telling` | the companion module's webhooks, and Adobe I/O's |
| `acts` | what can be done below `/fake` |

What it does was read in magento/magento2 2.4.7-2.4.8, in Adobe's documentation, or in the issues that are named there.
`python -m connectors.magento.fake --customers 1000 --port 0`; the first line is the address.
"""
