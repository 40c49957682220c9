"""`python -m connectors.bigcommerce.fake`: a BigCommerce store of your own on a port."""

import sys

from connectors.bigcommerce.fake.app import FakeBigCommerce
from connectors.bigcommerce.fake.settings import Settings
from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakeBigCommerce, Settings))
