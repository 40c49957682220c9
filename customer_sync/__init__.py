"""Tajo Customer Sync. Start at `pipeline.py`: the straight line from a webhook to Brevo.

| module | holds |
|---|---|
| `model`, `errors` | the words of the system; every error, sorted by what to do next |
| `clock`, `metrics`, `log`, `retry`, `signatures`, `serving`, `watchdog` | the ground floor |
| `outbound`, `transport`, `proxies` | the one HTTP client: what it sends, how a request travels, by which proxy |
| `kit` | OAuth for connectors, and the stand-ins that judge them |
| `connector`, `reach`, `fields`, `rescue` | what a connector is, how it reaches its platform, how it reads records |
| `mapping`, `merge`, `consent`, `identity`, `person` | pure rules; a person is an address with its records |
| `config`, `registry` | what people write in tajo.yaml; which connectors there are |
| `store` | all that Redis holds, with its Lua scripts |
| `vault`, `pacing` | credentials, sealed; the rate limit of each source |
| `plan`, `planner`, `skills`, `reading` | what an event changes, from the skill to the script; requests to plans |
| `lane`, `attempt`, `pauses` | what a lane is; the worker step that all lanes share; why a lane waits |
| `brevo`, `destinations` | Brevo, and the sandbox; which lanes there are, and whom each one calls |
| `pipeline` | START HERE: inbox to lanes to Brevo |
| `appraisal`, `runs`, `reconcile`, `upkeep` | batch: what a record would do, pages, both sides compared, webhooks |
| `doctor`, `erasure`, `explain`, `figures` | what people ask: is it well, forget me, why, how many |
| `assembly` | settings become objects |
| `worker`, `tasks`, `schedule`, `cron` | Celery |
| `embedded`, `demo`, `invented` | the Redis in the box; the demo shop; people who do not exist |
| `web`, `cli` | the faces |
"""

__version__ = "0.1.0"
