"""`python -m connectors.acme_crm.fake`: an Acme CRM of your own on a port."""

import sys

from connectors.acme_crm.fake.app import FakeAcme
from connectors.acme_crm.fake.settings import Settings
from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakeAcme, Settings))
