"""What every stand-in of a platform shares. It judges a connector, so it imports nothing of the product.

| module | holds |
|---|---|
| `fake` | START HERE: `Fake`, a platform with its webhooks, its people and its routes below `/fake` |
| `app` | what stands between a call and its answer |
| `answers` | how a stand-in answers: JSON, a page for people, a broken connection |
| `clock` | its time: given, set and moved |
| `faults` | what goes wrong on request, in one vocabulary |
| `pages` | listings: numbered pages, opaque cursors, pages that are spoiled |
| `limits` | how many calls are allowed: a leaky bucket, a window |
| `oauth` | authorization page, codes, client credentials, refresh tokens that rotate |
| `hooks` | webhooks that it sends: signed, tried again, doubled, out of order, in bursts |
| `cast`, `crowd` | who its customers are; what they do |
| `table` | records by number, in memory, in any order |
| `calls` | who called what |
| `part` | what it brings to the demo |
| `main`, `switches` | a stand-in as a process, whose settings are the command line; settings changed later |

A stand-in is a folder `connectors/<platform>/fake` with a `Settings` dataclass, a subclass of `Fake`, and a `__main__`
of three lines. It is started by `python -m connectors.<platform>.fake`; the demo starts those that have a `part`.
"""
