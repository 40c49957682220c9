"""`python -m connectors.woocommerce.fake`: a WooCommerce shop of your own on a port."""

import sys

from connectors.woocommerce.fake.app import FakeStore
from connectors.woocommerce.fake.settings import Settings
from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakeStore, Settings))
