"""Reconcile: proves that both sides agree, and mends where they do not. Start at `run`.

| module | does |
|---|---|
| `run` | counts, stops where too much would change, mends, keeps the receipt |
| `contacts` | reads all contacts from Brevo, behind live work |
| `compare` | judges one person: what we want against what Brevo has; pure |
| `brevo_side` | every contact, then everybody whose contact was not seen |
| `record_verdict` | judges one record: what the source says against what is known here; pure |
| `source_side` | the source's customers against what is known here |
| `heals` | what to mend, kept in a file until it is decided |
| `receipt` | what was found and done, without personal data |
"""
