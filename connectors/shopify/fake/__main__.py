"""`python -m connectors.shopify.fake`: a Shopify of your own on a port."""

import sys

from connectors.shopify.fake.app import FakeShop
from connectors.shopify.fake.settings import Settings
from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakeShop, Settings))
