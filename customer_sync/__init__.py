"""Tajo Customer Sync. Start at `pipeline.py`: the straight line from a webhook to Brevo.

| room | holds |
|---|---|
| `errors`, `base` | every error, sorted by what to do next; what knows nothing of the product: clock, log, servers |
| `model` | the words of the system |
| `person` | pure rules: merge, consent, identity, mapping; a person is an address with its records |
| `kit` | all that a connector may import: the contract, how to read, reach and sign; the base of stand-ins |
| `sandbox` | a Brevo in the box; it shares nothing with `brevo` |
| `config`, `registry` | what people write in tajo.yaml; which connectors there are |
| `custom` | one YAML file is a whole connector |
| `store` | all that Redis holds, with its Lua scripts |
| `pacing` | one rate limit for all processes of a source |
| `engine` | what an event changes; lanes and the worker step that they share; why a lane waits |
| `series` | when a cart counts as left, and which mail is due: pure |
| `skills`, `brevo` | behaviours over events; Brevo: contacts makes a person a contact, alone or in imports |
| `platforms` | how platforms are reached; what is read there again and told to them, a lane for each source |
| `destinations`, `loading` | which lanes there are, and whom each one calls; the settings with all of that |
| `reading`, `read_counts` | one request becomes events, and each event a plan; what is counted of them |
| `pipeline` | START HERE: inbox to lanes to Brevo |
| `batch` | runs and what a record would do, the compare of both sides, the upkeep of webhooks |
| `operate` | what people ask: is it well (doctor), forget me, why (explain), how many (figures); notices |
| `assembly` | settings become objects |
| `worker` | Celery's app and tasks, the schedule |
| `api` | what programs and commands may ask and do, without HTTP |
| `demo`, `web`, `cli` | the shops of the demo; the faces |
"""

__version__ = "0.1.0"
