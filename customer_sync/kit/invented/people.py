"""People and customers, made up from the tables of `countries`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from random import Random

from customer_sync.kit.invented.countries import COUNTRIES, Country

#: Reserved for examples (RFC 2606): no mail to these can ever reach anybody.
DOMAINS = ("mail.example", "post.example", "courriel.example", "correo.example", "inbox.example", "example.com")
COMPANIES = ("Lumière & Co", "Nordlicht GmbH", "Tea House Ltd", "Café Größe", "Studio Ölmühle", "Blåbær ApS")

#: Letters that Unicode does not take apart, and umlauts as German addresses spell them.
_LETTERS = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ß": "ss",
        "ø": "o",
        "å": "a",
        "æ": "ae",
        "ł": "l",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    }
)


@dataclass(slots=True)
class Person:
    """Somebody, as a checkout form knows them.

    Args:
        country: where they live.
        first: given name.
        last: family name.
        email: always at a domain that is reserved for examples.
        mobile: the number without trunk and calling code, with its spaces; "" when they gave none.
        street: street and house number.
        city: the city.
        postcode: the postcode.
        company: "" for most.
    """

    country: Country
    first: str
    last: str
    email: str
    mobile: str
    street: str
    city: str
    postcode: str
    company: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    @property
    def international(self) -> str:
        """The number as +491711234567; "" when there is none."""
        return f"+{self.country.dial}{re.sub(r'[^0-9]', '', self.mobile)}" if self.mobile else ""

    @property
    def national(self) -> str:
        """The number as people type it at home; "" when there is none."""
        return self.country.trunk + self.mobile if self.mobile else ""


def make_person(rng: Random) -> Person:
    """Make somebody up."""
    country = rng.choice(COUNTRIES)
    first, last = pick(rng, country.first_names), pick(rng, country.last_names)
    city, _, postcode = pick(rng, country.cities).partition("|")
    return Person(
        country=country,
        first=first,
        last=last,
        email=make_email(rng, first, last),
        mobile=make_mobile(rng, country) if rng.random() < 0.6 else "",
        street=pick(rng, country.streets).format(n=rng.randint(1, 180)),
        city=city,
        postcode=postcode,
        company=rng.choice(COMPANIES) if rng.random() < 0.1 else "",
    )


def make_email(rng: Random, first: str, last: str) -> str:
    """Make an address up that goes with a name, now and then in capitals as people type it."""
    local = rng.choice(("{f}.{l}", "{f}{l}", "{i}.{l}", "{f}_{l}")).format(
        f=plain(first), l=plain(last), i=plain(first)[0]
    )
    email = f"{local}{rng.randint(1, 9999)}@{rng.choice(DOMAINS)}"
    return email.title() if rng.random() < 0.05 else email


def make_mobile(rng: Random, country: Country) -> str:
    """Make a mobile number up, without trunk."""
    return re.sub("#", lambda _: str(rng.randint(0, 9)), country.mobile)


def move(rng: Random, person: Person) -> None:
    """Let somebody move to another city of their country."""
    person.city, _, person.postcode = pick(rng, person.country.cities).partition("|")
    person.street = pick(rng, person.country.streets).format(n=rng.randint(1, 180))


def correct(rng: Random, person: Person) -> None:
    """Let somebody move, take another number, or another name: what people change of their account."""
    match rng.randrange(3):
        case 0:
            move(rng, person)
        case 1:
            person.mobile = make_mobile(rng, person.country)
        case _:
            person.last = pick(rng, person.country.last_names)


def pick(rng: Random, texts: str) -> str:
    """Return one of a list of texts."""
    return rng.choice(texts.split(", "))


def plain(name: str) -> str:
    """Return a name in the letters that addresses are made of."""
    spelled = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    return re.sub("[^a-z]", "", spelled)
