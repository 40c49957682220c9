"""`python -m connectors.paypal.fake`: a PayPal of your own on a port."""

import sys

from connectors.paypal.fake.app import FakePayPal
from connectors.paypal.fake.settings import Settings
from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakePayPal, Settings))
