"""`python -m connectors.pipedrive.fake`: a Pipedrive company of your own on a port."""

import sys

from connectors.pipedrive.fake.app import FakePipedrive
from connectors.pipedrive.fake.settings import Settings
from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakePipedrive, Settings))
