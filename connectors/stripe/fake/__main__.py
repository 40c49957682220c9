"""`python -m connectors.stripe.fake`: a Stripe account of your own on a port."""

import sys

from connectors.stripe.fake.app import FakeStripe
from connectors.stripe.fake.settings import Settings
from customer_sync.kit.fakes.main import main

if __name__ == "__main__":
    sys.exit(main(FakeStripe, Settings))
