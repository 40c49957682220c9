"""A WooCommerce shop in memory, for tests, benchmarks and the demo: it judges what a client of the real thing does.

Nothing of it is shared with the connector. `python -m customer_sync.demo.stores.woocommerce --customers 10000 --port 0`
runs one as a process; `FakeStore` is one in this process. Start reading at `store`, then `app` and `rest`; what can
be thrown at a client stands in `settings`, `faults` and `control`.
"""

from customer_sync.demo.stores.woocommerce.settings import Settings
from customer_sync.demo.stores.woocommerce.store import FakeStore

__all__ = ["FakeStore", "Settings"]
