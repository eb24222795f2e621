"""A typical list of a List Cutter user: 10,000 contacts in many languages.

Each contact is generated from its number, with the same result on every machine and Python version. All persons are
fictitious, and the addresses and phone numbers are reserved for such use. Each record is one line that ends with LF.
"""

from datetime import date
from hashlib import blake2b

from cutover.corpus.listfile import ListFile
from cutover.corpus.people import NOTES, REGIONS

_SEED = "cutover contacts 1"
_ROWS = 10_000
_COLUMNS = (
    "id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "city",
    "country",
    "signed_up",
    "balance",
    "note",
)
# RFC 2606: names below .invalid are never registered.
_DOMAINS = ("example.invalid", "lists.invalid", "mail.cutter.invalid", "xn--bcher-kva.invalid")
# Reserved for fiction by NANPA (555-0100 to 555-0199) and Ofcom (London, no area, mobile).
_PHONES = (
    ("+1-555-01{:02d}", 100),
    ("+44 20 7946 0{:03d}", 1000),
    ("+44 1632 960{:03d}", 1000),
    ("+44 7700 900{:03d}", 1000),
)
_FIRST_DAY = date(2009, 1, 1).toordinal()
_DAYS = 6000


def files() -> tuple[ListFile, ...]:
    """Return the files of this module: the list of contacts."""
    return (
        ListFile(
            name="contacts",
            description="10,000 contacts in many languages, the list of an ordinary user",
            filename="contacts.csv",
            columns=_COLUMNS,
            rows=_ROWS,
            source=_contacts,
        ),
    )


def _contacts() -> bytes:
    return "\n".join([",".join(_COLUMNS), *map(_line, range(1, _ROWS + 1)), ""]).encode()


def _line(number: int) -> str:
    person, place, phone, day, cents, note = _generated_numbers(number)
    region = REGIONS[person % len(REGIONS)]
    person //= len(REGIONS)
    given = region.given[person % len(region.given)]
    family = region.family[person // len(region.given) % len(region.family)]
    pattern, numbers = _PHONES[phone % len(_PHONES)]
    fields = (
        given,
        family,
        f"contact.{number:05d}@{_DOMAINS[place % len(_DOMAINS)]}",
        pattern.format(phone // len(_PHONES) % numbers),
        region.cities[place // len(_DOMAINS) % len(region.cities)],
        region.country,
        date.fromordinal(_FIRST_DAY + day % _DAYS).isoformat(),
        _balance(cents),
        NOTES[note % len(NOTES)],
    )
    return ",".join([str(number), *map(_field, fields)])


def _generated_numbers(number: int) -> tuple[int, ...]:
    """Return six numbers below 2**40 for a contact.

    They are from a hash, because the results of `random` for a seed may change between Python versions.
    """
    digest = blake2b(f"{_SEED}/{number}".encode(), digest_size=30).digest()
    return tuple(int.from_bytes(digest[start : start + 5], "big") for start in range(0, 30, 5))


def _balance(number: int) -> str:
    """Return an amount from -10000.00 to 10000.00. One in sixteen is 0.00."""
    cents = 0 if number % 16 == 0 else number // 16 % 2_000_001 - 1_000_000
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _field(text: str) -> str:
    if '"' in text or "," in text:
        return '"' + text.replace('"', '""') + '"'
    return text
