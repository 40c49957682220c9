"""`python -m connectors.hubspot.fake`: a HubSpot account of your own on a port."""

import sys

from connectors.hubspot.fake.app import FakeHubSpot
from connectors.hubspot.fake.settings import Settings
from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakeHubSpot, Settings))
