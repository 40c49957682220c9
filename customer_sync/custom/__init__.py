"""One YAML file is a whole connector.

| module | holds |
|---|---|
| `form` | START HERE: the vocabulary, closed |
| `calling` | the vocabulary of calls |
| `parts`, `paths`, `references`, `transforms`, `verifying` | what it is made of: texts that mean something |
| `reading`, `script`, `schema`, `words` | the text of a file; its words, for editors |
| `checks` and its like, `flaws` | the file becomes a `Form`, or every fault at once |
| `fields`, `records` | a platform's record becomes ours |
| `api`, `lists` | the platform's API; its lists page by page |
| `hooks` | webhooks: what they tell, and how they are made |
| `optout` | an opt-out is told to the platform |
| `connector` | all of it as a `Connector` |
"""

from customer_sync.custom.connector import connector_of, connector_of_file
from customer_sync.custom.reading import ConnectorFaults

__all__ = ["ConnectorFaults", "connector_of", "connector_of_file"]
