"""`python -m connectors.garden.fake`: a Garden of your own on a port."""

import sys

from connectors.garden.fake.app import FakeGarden, Settings

from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakeGarden, Settings))
