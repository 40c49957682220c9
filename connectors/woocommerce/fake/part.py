"""The shop of the demo: started with these options, configured with these keys."""

from typing import Final

from connectors.woocommerce.fake.settings import KEY, SECRET
from customer_sync.kit.fakes.part import Cue, Part

PART: Final = Part(
    source={
        "consumer_key": KEY,
        "consumer_secret": SECRET,
        "webhook_secret": "demowoocommercesecret",
        "calls_per_s": "100",  # three, as at real hosts, would let a newcomer wait
    },
    options=("--customers", "120"),
    scenes={
        # a newsletter plugin is thrown out, and its box with it: no webhook tells
        "many leave unseen": (
            Cue(
                "customers/touch",
                {"every": 1, "silent": True, "fields": {"meta_data": [{"key": "ws_opt_in", "value": "0"}]}},
            ),
        ),
    },
)
