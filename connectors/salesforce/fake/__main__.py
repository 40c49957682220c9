"""`python -m connectors.salesforce.fake`: a Salesforce of your own on a port."""

import sys

from connectors.salesforce.fake.app import FakeOrg
from connectors.salesforce.fake.settings import Settings
from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakeOrg, Settings))
