"""eCommerce: whether it is activated, and the currency in which orders are told."""

from __future__ import annotations

from typing import Final

from customer_sync.model import Json
from customer_sync.sandbox.answers import ApiError, Row, missing
from customer_sync.sandbox.journal import Journal, Table
from customer_sync.sandbox.switches import Switches

#: ISO 4217, the codes of currencies in use.
_CODES: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
    MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND
    VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""
_CURRENCIES: Final = frozenset(_CODES.split())


class Ecommerce:
    """The eCommerce app of one account. The caller holds the sandbox's lock.

    Args:
        journal: where changes are written.
        switches: how long an activation takes.
        is_on: whether a new account has it.
        currency: the display currency of a new account; in Brevo US dollars.
    """

    def __init__(self, journal: Journal, switches: Switches, *, is_on: bool, currency: str = "USD") -> None:
        self.table = Table("ecommerce", journal, {"activation": {"asked_ms": None, "is_first": True}} if is_on else {})
        self._switches = switches
        self._first_currency = currency

    def activate(self, now_ms: int) -> None:
        """Ask for the activation; asking again changes nothing."""
        if "activation" not in self.table.rows:
            self.table.put("activation", {"asked_ms": now_ms, "is_first": False})

    def is_on(self, now_ms: int) -> bool:
        """Return whether it is activated."""
        row = self.table.rows.get("activation")
        if row is None or row["is_first"]:
            return row is not None
        return now_ms >= int(str(row["asked_ms"])) + self._switches.activation_delay_s * 1000

    def need(self, now_ms: int) -> None:
        """Return when it is activated.

        Raises:
            ApiError: 403.
        """
        if not self.is_on(now_ms):
            raise ApiError(403, "permission_denied", "Permission denied. eCommerce is not activated")

    @property
    def currency(self) -> Json:
        """The display currency; that of a new account until somebody sets another one."""
        return self.table.rows.get("currency", {}).get("code", self._first_currency)

    def set_currency(self, body: Row) -> None:
        """Set the display currency.

        Raises:
            ApiError: 400 without a code, 422 for one that is none.
        """
        code = body.get("code")
        if not code:
            raise missing("code is missing")
        if code not in _CURRENCIES:
            raise ApiError(422, "unprocessable_entity", "Invalid ISO 4217 currency code")
        self.table.put("currency", {"code": code})
