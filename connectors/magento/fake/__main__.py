"""`python -m connectors.magento.fake`: a Magento shop of your own on a port."""

import sys

from connectors.magento.fake.app import FakeMagento
from connectors.magento.fake.settings import Settings
from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakeMagento, Settings))
