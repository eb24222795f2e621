"""The list that a user of List Cutter would bring: 10,000 contacts in many languages.

Every contact is a combination drawn from its number, the same on every machine and Python; nobody real
is meant, no address can be reached and no phone rings. Each record is one line, ended by LF.
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
# RFC 2606: nothing below .invalid is ever registered.
_DOMAINS = ("example.invalid", "lists.invalid", "mail.cutter.invalid", "xn--bcher-kva.invalid")
# Set aside for fiction: by NANPA (555-0100 to 555-0199) and by Ofcom (London, no area, mobile).
_PHONES = (
    ("+1-555-01{:02d}", 100),
    ("+44 20 7946 0{:03d}", 1000),
    ("+44 1632 960{:03d}", 1000),
    ("+44 7700 900{:03d}", 1000),
)
_FIRST_DAY = date(2009, 1, 1).toordinal()
_DAYS = 6000


def files() -> tuple[ListFile, ...]:
    """The files of this module: the one list of contacts."""
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
    who, where, phone, day, cents, note = _draws(number)
    region = REGIONS[who % len(REGIONS)]
    who //= len(REGIONS)
    given = region.given[who % len(region.given)]
    family = region.family[who // len(region.given) % len(region.family)]
    pattern, numbers = _PHONES[phone % len(_PHONES)]
    fields = (
        given,
        family,
        f"contact.{number:05d}@{_DOMAINS[where % len(_DOMAINS)]}",
        pattern.format(phone // len(_PHONES) % numbers),
        region.cities[where // len(_DOMAINS) % len(region.cities)],
        region.country,
        date.fromordinal(_FIRST_DAY + day % _DAYS).isoformat(),
        _balance(cents),
        NOTES[note % len(NOTES)],
    )
    return ",".join([str(number), *map(_field, fields)])


def _draws(number: int) -> tuple[int, ...]:
    """Six numbers below 2**40 for the contact of that number.

    A hash and not `random`: what `random` draws for a seed may change from one Python to the next.
    """
    digest = blake2b(f"{_SEED}/{number}".encode(), digest_size=30).digest()
    return tuple(int.from_bytes(digest[start : start + 5], "big") for start in range(0, 30, 5))


def _balance(draw: int) -> str:
    """An amount from -10000.00 to 10000.00, one in sixteen of them 0.00."""
    cents = 0 if draw % 16 == 0 else draw // 16 % 2_000_001 - 1_000_000
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _field(text: str) -> str:
    if '"' in text or "," in text:
        return '"' + text.replace('"', '""') + '"'
    return text
