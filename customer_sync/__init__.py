"""Tajo Customer Sync. Start at `pipeline.py`: the straight line from a webhook to Brevo.

| module | holds |
|---|---|
| `model`, `errors` | the words of the system; every error, sorted by what to do next |
| `clock`, `metrics`, `log`, `retry`, `signatures`, `outbound`, `serving` | the ground floor |
| `connector`, `reach`, `fields` | what a connector is, how it reaches its platform, how it reads records |
| `mapping`, `merge`, `consent`, `identity` | pure rules |
| `config`, `registry` | what people write in tajo.yaml; which connectors there are |
| `store` | all that Redis holds, with its Lua scripts |
| `vault` | credentials, sealed |
| `lane`, `skills`, `brevo` | what a handler gives back; events to changes; Brevo, and the sandbox |
| `pipeline` | START HERE: inbox to lanes to Brevo |
| `appraisal`, `runs`, `reconcile`, `upkeep` | batch: what a record would do, pages, both sides compared, webhooks |
| `doctor`, `erasure`, `explain`, `figures` | what people ask: is it well, forget me, why, how many |
| `assembly` | settings become objects |
| `worker`, `tasks`, `schedule`, `cron` | Celery |
| `embedded`, `demo` | the Redis in the box; the demo shop and the stand-ins of platforms |
| `web`, `cli` | the faces |
"""

__version__ = "0.1.0"
