"""The shop of the demo: started with these options, configured with these keys."""

from typing import Final

from customer_sync.kit.fakes.part import Cue, Part

#: Two people of one household give the same number; a phone is unique in Brevo.
_PHONE: Final = "+4915112345678"
_HOUSEHOLD: Final = ({"firstName": "Marta", "email": "marta.weber@mail.example", "phone": _PHONE},)
_HOUSEHOLD_TOO: Final = ({"firstName": "Jonas", "email": "jonas.weber@mail.example", "phone": _PHONE},)

PART: Final = Part(
    source={"shop_url": "demo.myshopify.com", "api_key": "demo-client-id", "api_secret": "demo-client-secret"},
    options=("--customers", "200", "--products", "12", "--orders", "40", "--schema", "none"),
    scenes={
        "one phone for two": (
            Cue("customers", {"customers": list(_HOUSEHOLD)}),
            Cue("customers", {"customers": list(_HOUSEHOLD_TOO)}),
        )
    },
)
