"""Decides how likely two contacts are one: pure, on plain mappings of contact fields.

The score adds evidence the way Fellegi and Sunter (1969, "A theory for record linkage") do: each field
that both contacts have gives bits, log2 of how much more often it looks so for one and the same than
for two strangers. What one of them lacks says nothing. Only contacts that share a blocking key are
compared at all, so that a base of a million takes no million squared.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from rapidfuzz.distance import OSA, JaroWinkler

from services.crm_api.duplicates.evidence import EVIDENCE, Evidence
from services.crm_api.folding import LEGAL_FORMS, digits, fold

Contact = Mapping[str, Any]


@dataclass(frozen=True)
class Reason:
    """A finding, and what it weighs in bits; it names nothing personal."""

    code: str
    weight: float


@dataclass(frozen=True)
class Match:
    """How likely two contacts are one, from 0 to 1, and why; the strongest reason first."""

    score: float
    reasons: tuple[Reason, ...]

    @property
    def is_certain(self) -> bool:
        """Whether to refuse a new contact over it: all but sure, and not by name and town alone."""
        return self.score >= CERTAIN and any(reason.code in _IDENTIFYING for reason in self.reasons)


THRESHOLD = 0.75
"""From this score on a pair is proposed to people."""
CERTAIN = 0.98
"""From this score on, with something that identifies, a new contact is refused as a duplicate."""
_IDENTIFYING = frozenset(
    {"same_email", "same_phone", "same_birth_date", "same_address", "same_name"}
)
IDENTIFYING_KEYS = ("e:", "p:", "b:", "o:", "s:")
"""How the blocking keys begin that two contacts share who have something in common that identifies.

Only the same street beside another postal code has none of them.
"""
REACHING_KEYS = ("e:", "p:")
"""How the keys begin of what reaches a contact: e-mail addresses and telephone numbers."""
_BESIDE_A_NAME = frozenset(
    {
        *("same_email", "similar_email", "same_phone", "same_birth_date", "similar_birth_date"),
        *("same_address", "similar_address"),
    }
)
LARGEST_BLOCK = 100
"""A key that more contacts share says too little to compare them all."""
LARGEST_WEAK_BLOCK = 20
"""The same for a key that identifies nobody, where only what is all but sure is looked for."""
_SIMILAR_NAME = 0.88
_SAME_MAIL = {"googlemail.com": "gmail.com"}
# At these, addresses that are alike belong to people who are not.
_PUBLIC_MAIL = frozenset(
    "gmail.com yahoo.com hotmail.com outlook.com gmx.de gmx.net web.de t-online.de freenet.de "
    "icloud.com aol.com live.com yahoo.de hotmail.de".split()
)
_SHARED_BOXES = frozenset(
    "info kontakt contact office mail post sales vertrieb service support hello team buero "
    "familie family".split()
)


@dataclass(frozen=True, slots=True)
class Compared:
    """The fields of a contact as they are compared."""

    is_person: bool
    name: str
    given: str
    family: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    born: str
    street: str
    zip: str
    city: str


@lru_cache(maxsize=100_000)
def _folded(text: str) -> str:
    return fold(text)


def normal_email(email: str) -> str:
    """Return the address that mail to this one reaches: no case, no tag behind a plus, one Gmail."""
    local, _, domain = email.strip().casefold().rpartition("@")
    local = local.split("+")[0]
    domain = _SAME_MAIL.get(domain, domain)
    if domain == "gmail.com":
        local = local.replace(".", "")
    return f"{local}@{domain}"


def read(contact: Contact) -> Compared:
    """Return what is compared of a contact, so that it is made once for many comparisons."""
    emails = [contact.get("email"), *(o["email"] for o in contact.get("other_emails") or ())]
    phones = [
        contact.get("phone_e164") or contact.get("phone"),
        *(o.get("e164") or o["phone"] for o in contact.get("other_phones") or ()),
    ]
    is_person = contact.get("kind", "person") == "person"
    given, family = (_folded(contact.get(name) or "") for name in ("given_name", "family_name"))
    name = _folded(contact.get("name") or "")
    if is_person and name and not (given or family):
        *first, family = name.split()
        given = " ".join(first)
    if not is_person:
        words = [word for word in name.split() if word not in LEGAL_FORMS]
        name = " ".join(words) or name
    born = contact.get("birth_date") or ""
    return Compared(
        is_person=is_person,
        name=name,
        given=given,
        family=family,
        emails=tuple(dict.fromkeys(normal_email(each) for each in emails if each)),
        phones=tuple(dict.fromkeys(digits(each)[-9:] for each in phones if each)),
        born=born.isoformat() if isinstance(born, date) else str(born),
        street=_folded(contact.get("street") or ""),
        zip=_folded(contact.get("zip") or ""),
        city=_folded(contact.get("city") or ""),
    )


@lru_cache(maxsize=100_000)
def _sound(word: str) -> str:
    """Return how a name begins to the ear: letters that are mixed up are one, vowels go."""
    first = word.split(" ")[0]
    for letters, one in _ALIKE:
        first = first.replace(letters, one)
    kept = first[:1]
    for letter in first[1:]:
        if letter not in "aeiouyhw" and letter != kept[-1]:
            kept += letter
    return kept[:4]


_ALIKE = (
    *(("sch", "s"), ("ph", "f"), ("th", "t"), ("ck", "k"), ("dt", "t"), ("tz", "z")),
    *(
        ("c", "k"),
        ("q", "k"),
        ("v", "f"),
        ("w", "f"),
        ("z", "s"),
        ("d", "t"),
        ("b", "p"),
        ("g", "k"),
    ),
)


def blocking_keys(contact: Contact) -> list[str]:
    """Return the keys that contacts which may be one share at least one of.

    Each is short and selective: few of a million contacts have the same.
    """
    who = read(contact)
    keys = [f"e:{email}" for email in who.emails[:5]]
    keys += [f"p:{phone}" for phone in who.phones[:5] if len(phone) >= 6]
    if not who.is_person:
        words = who.name.split()
        if words:
            keys.append(f"o:{' '.join(sorted(words))[:40]}")
            if who.zip or who.city:
                keys.append(f"oz:{words[0][:6]}:{who.zip or who.city}")
        return list(dict.fromkeys(key[:100] for key in keys))
    names = sorted(_sound(name) for name in (who.given, who.family) if name)
    locals_ = ["".join(c for c in email.partition("@")[0] if c.isalpha()) for email in who.emails]
    keys += [f"l:{local}" for local in locals_[:3] if len(local) >= 7]
    if len(names) == 2:
        keys.append(f"n:{names[0]}:{names[1]}")
    if who.born:
        keys.append(f"b:{who.born}")
        keys += [f"y:{name}:{who.born[:4]}{who.born[8:]}" for name in names]
    if who.zip:
        keys += [f"z:{name}:{who.zip}" for name in names]
    number = digits(who.street)
    if number and (who.zip or who.city):
        keys.append(
            f"s:{number}:{_sound(who.street.replace(number, '').strip())}:{who.zip or who.city[:5]}"
        )
    return list(dict.fromkeys(key[:100] for key in keys))


def compare(one: Contact, other: Contact, *, evidence: Evidence = EVIDENCE) -> Match | None:
    """Return how likely two contacts are one; None if they cannot be.

    Parameters
    ----------
    one, other
        Fields of contacts as the API has them; any may be absent or empty.
    evidence
        What each finding weighs, in bits.

    Returns
    -------
    Match or None
        None for a person beside an organisation and for contacts that share no known field. The score
        is a probability: 2^bits / (1 + 2^bits), the prior included.
    """
    return compare_read(read(one), read(other), evidence=evidence)


def compare_read(a: Compared, b: Compared, *, evidence: Evidence = EVIDENCE) -> Match | None:
    """Do what `compare` does with contacts that are read already."""
    if a.is_person != b.is_person:
        return None
    found = [*_names(a, b), *_mails(a, b), *_phones(a, b), *_births(a, b), *_addresses(a, b)]
    if not found:
        return None
    reasons = [Reason(code, getattr(evidence, code)) for code in found]
    bits = evidence.prior + sum(reason.weight for reason in reasons)
    if a.is_person and {"different_given_name"} & set(found) and "same_birth_date" not in found:
        # A family shares a home, a telephone and a mailbox; its members are not one.
        bits = min(bits, -2.0)
    if _is_coincidence(a.is_person, set(found)):
        bits = min(bits, 1.0)
    score = 1.0 / (1.0 + 2.0 ** -max(min(bits, 60.0), -60.0))
    ordered = sorted(reasons, key=lambda reason: (-reason.weight, reason.code))
    return Match(round(score, 4), tuple(ordered))


def may_be_certain(a: Compared, b: Compared) -> bool:
    """Tell, far quicker than `compare`, whether two contacts have anything in common that identifies."""
    return bool(
        (a.born and a.born == b.born)
        or (a.street and a.street == b.street)
        or not set(a.emails).isdisjoint(b.emails)
        or not set(a.phones).isdisjoint(b.phones)
        or (not a.is_person and sorted(a.name.split()) == sorted(b.name.split()))
    )


def _is_coincidence(is_person: bool, found: set[str]) -> bool:
    """Tell whether two contacts have no more than a name in common.

    Of a million people hundreds have the same one: that alone is no reason to ask anybody. A town beside
    it is one if the name is the very same and nothing else differs; so is the whole name of a firm.
    """
    if found & _BESIDE_A_NAME:
        return False
    names = {"same_family_name", "same_given_name"} if is_person else {"same_name"}
    is_telling = names <= found and ("same_place" in found or not is_person)
    return not is_telling or any(code.startswith("different") for code in found)


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    similar: float = JaroWinkler.similarity(one, other)
    return similar >= _SIMILAR_NAME or (
        min(len(one), len(other)) >= 4 and OSA.distance(one, other) == 1
    )


def _short_for(one: str, other: str) -> bool:
    """Tell whether one given name is the other's beginning: Rob and Robert, A and Anna."""
    short, long = sorted((one, other), key=len)
    return long.startswith(short)


def _names(a: Compared, b: Compared) -> Iterator[str]:
    if not a.is_person:
        if a.name and b.name:
            same = sorted(a.name.split()) == sorted(b.name.split())
            yield (
                "same_name"
                if same
                else "similar_name"
                if _alike(a.name, b.name)
                else "different_name"
            )
        return
    crossed = (a.given, a.family) == (b.family, b.given) or (
        a.given and a.family and _alike(a.given, b.family) and _alike(a.family, b.given)
    )
    if crossed and a.given and a.family and a.given != a.family and a.given != b.given:
        yield "swapped_names"
        return
    if a.family and b.family:
        if a.family == b.family:
            yield "same_family_name"
        else:
            yield "similar_family_name" if _alike(a.family, b.family) else "different_family_name"
    if a.given and b.given:
        if a.given == b.given:
            yield "same_given_name"
        elif _alike(a.given, b.given) or _short_for(a.given, b.given):
            yield "similar_given_name"
        else:
            yield "different_given_name"


def _mails(a: Compared, b: Compared) -> Iterator[str]:
    if not (a.emails and b.emails):
        return
    shared = set(a.emails) & set(b.emails)
    if any(email.partition("@")[0] not in _SHARED_BOXES for email in shared):
        yield "same_email"
    elif any(_similar_mail(one, other) for one in a.emails for other in b.emails):
        yield "similar_email"
    elif not shared:
        yield "different_email"


def _similar_mail(one: str, other: str) -> bool:
    local, _, domain = one.partition("@")
    local2, _, domain2 = other.partition("@")
    if len(local) < 5 or len(local2) < 5:
        return False
    if local == local2:
        return local not in _SHARED_BOXES
    is_own = domain == domain2 and domain not in _PUBLIC_MAIL
    return is_own and OSA.distance(local, local2) <= 2


def _phones(a: Compared, b: Compared) -> Iterator[str]:
    if a.phones and b.phones:
        yield "same_phone" if set(a.phones) & set(b.phones) else "different_phone"


def _births(a: Compared, b: Compared) -> Iterator[str]:
    if not (a.born and b.born):
        return
    if a.born == b.born:
        yield "same_birth_date"
        return
    one, other = digits(a.born), digits(b.born)
    swapped = one[:4] == other[:4] and one[4:6] == other[6:] and one[6:] == other[4:6]
    yield (
        "similar_birth_date" if swapped or OSA.distance(one, other) <= 1 else "different_birth_date"
    )


def _addresses(a: Compared, b: Compared) -> Iterator[str]:
    street = bool(a.street and b.street)
    place = bool((a.zip and b.zip) or (a.city and b.city))
    if not (street or place):
        return
    same_place = bool(
        (a.zip and a.zip == b.zip)
        or (a.city and b.city and _alike(a.city, b.city))
        or (len(a.zip) == len(b.zip) >= 4 and OSA.distance(a.zip, b.zip) == 1)
    )
    if street:
        same = a.street == b.street
        alike = (
            same
            or _alike(a.street, b.street)
            or (digits(a.street) == digits(b.street) != "" and _shared_word(a.street, b.street))
        )
        if alike and (same_place or not place):
            yield "same_address" if same else "similar_address"
        elif same_place or alike:
            yield "same_place"
        else:
            yield "different_address"
        return
    yield "same_place" if same_place else "different_address"


def _shared_word(one: str, other: str) -> bool:
    words = {word for word in one.split() if len(word) > 3}
    return bool(words & set(other.split()))


def candidate_pairs(
    contacts: Iterable[Contact], *, threshold: float = THRESHOLD
) -> Iterator[tuple[str, str, Match]]:
    """Yield the pairs of a whole base, in memory, that reach the threshold.

    Each contact has an `id`. Keys that more than `LARGEST_BLOCK` contacts share are passed over.
    """
    by_id = {contact["id"]: contact for contact in contacts}
    blocks: dict[str, list[str]] = defaultdict(list)
    for contact_id, contact in by_id.items():
        for key in blocking_keys(contact):
            blocks[key].append(contact_id)
    seen: set[tuple[str, str]] = set()
    for members in blocks.values():
        if len(members) > LARGEST_BLOCK:
            continue
        for pair in _pairs(members):
            if pair in seen:
                continue
            seen.add(pair)
            match = compare(by_id[pair[0]], by_id[pair[1]])
            if match is not None and match.score >= threshold:
                yield *pair, match


def _pairs(members: Sequence[str]) -> Iterator[tuple[str, str]]:
    for at, one in enumerate(members):
        for other in members[at + 1 :]:
            yield (one, other) if one < other else (other, one)
