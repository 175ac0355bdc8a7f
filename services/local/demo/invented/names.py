"""Names, towns and addresses that nobody has: lists of our own, domains and numbers kept for fiction."""

from dataclasses import dataclass
from random import Random
from typing import Any

_GIVEN = {
    "de": (
        "Anna Bastian Carla Detlef Elke Florian Greta Hannes Ines Jonas Katrin Lukas Marlene Niklas "
        "Oda Philipp Ronja Sven Theresa Ulrich Vera Wolfram Annegret Birte Cornelius Dorothea Edgar "
        "Frauke Gunnar Henrike Joachim Käthe Lorenz Mechthild Norbert Ottilie Rüdiger Silke"
    ).split(),
    "en": (
        "Abigail Barnaby Charlotte Duncan Eleanor Felix Georgia Hugh Imogen Jasper Kerry Leonard "
        "Matilda Nigel Olive Percival Rosalind Stuart Tabitha Una Victor Winifred Alastair Beatrix "
        "Clement Daphne Edmund Fern Gareth Harriet Ivor Josephine Lachlan Maude Neville Ottoline"
    ).split(),
}
_FAMILY = {
    "de": (
        "Ahornbach Birkenfels Dornhöfer Eichwald Fuchsgruber Goldammer Habichtsberg Immenrode "
        "Jägerstedt Kornblüm Lerchental Moosbrugg Nebelung Ostermühl Pfauenstein Quellhorst "
        "Rosenthaler Silberdistel Tannhofen Uferkamp Vogelsänger Wiesengrund Zaunkönig Amselhoff "
        "Bachstelz Distelkamp Erlenbusch Feldhüter Ginsterloh Haselmaus Krähenbühl Löwenzahn"
    ).split(),
    "en": (
        "Applethwaite Brambleby Cloverdale Dunmarsh Elderwick Fernhollow Goldcrest Hawthornley "
        "Ivybridge Juniperson Kingfisherly Larkspurton Meadowcroft Nettlefold Oakenshaw Plumridge "
        "Quillworth Rowanberry Sparrowdene Thistlewood Underhillock Violetwood Wrenfield Yarrowby "
        "Ashgrove Birchenough Cowslipper Driftwood Foxglover Hazelmoor Mistlethrush Poppleworth"
    ).split(),
}
_TOWNS = {
    "de": (
        *(("10969", "Berlin", "DE"), ("20457", "Hamburg", "DE"), ("80331", "München", "DE")),
        *(("50667", "Köln", "DE"), ("01067", "Dresden", "DE"), ("79098", "Freiburg", "DE")),
        *(("1070", "Wien", "AT"), ("8001", "Zürich", "CH"), ("48143", "Münster", "DE")),
    ),
    "en": (
        *(("SW1A 1AA", "London", "GB"), ("M1 1AE", "Manchester", "GB")),
        *(
            ("EH1 1YZ", "Edinburgh", "GB"),
            ("BS1 4DJ", "Bristol", "GB"),
            ("CF10 1EP", "Cardiff", "GB"),
        ),
        *(("02108", "Boston", "US"), ("97201", "Portland", "US"), ("60601", "Chicago", "US")),
    ),
}
_STREETS = {
    "de": ("Lindenweg", "Am Notenplatz", "Geigengasse", "Flötenstieg", "Trommelallee", "Orgelufer"),
    "en": ("Fiddle Lane", "Organ Row", "Trumpet Street", "Cello Close", "Drum Yard", "Lute Walk"),
}
_FIRMS = {
    "de": (
        ("Café", "Musikschule", "Tanzstudio", "Buchhandlung", "Hotel", "Praxis"),
        ("GmbH", "GbR", "e. V.", "KG"),
    ),
    "en": (
        ("Café", "Music School", "Dance Studio", "Bookshop", "Hotel", "Theatre"),
        ("Ltd", "LLP", "Inc.", "Trust"),
    ),
}
_DOMAINS = ("example.org", "example.com", "example.net")
_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", ".": "", " ": "-"})


@dataclass(frozen=True)
class Named:
    """Who somebody is and where."""

    fields: dict[str, Any]
    language: str


class Names:
    """Gives every invented contact a name, an address and a number of its own.

    Numbers are those that the regulators keep for films and books: 020 7946 0xxx in the United Kingdom,
    030 23125 xxx and 0171 39200 xx in Germany; a contact elsewhere has none.
    """

    def __init__(self) -> None:
        self._numbers = 0

    def person(self, random: Random, language: str, *, domain: str | None = None) -> Named:
        given, family = random.choice(_GIVEN[language]), random.choice(_FAMILY[language])
        place = self._place(random, language)
        self._numbers += 1
        local = f"{given}.{family}.{self._numbers}".lower().translate(_ASCII)
        fields = {
            "given_name": given,
            "family_name": family,
            "email": f"{local}@{domain or random.choice(_DOMAINS)}",
            **place,
        }
        return Named(fields, language)

    def organisation(self, random: Random, language: str) -> Named:
        trades, forms = _FIRMS[language]
        family = random.choice(_FAMILY[language])
        name = f"{random.choice(trades)} {family} {random.choice(forms)}"
        if language == "en":
            name = f"{family} {random.choice(trades)} {random.choice(forms)}"
        place = self._place(random, language)
        self._numbers += 1
        domain = f"{family.lower().translate(_ASCII)}-{self._numbers}.example"
        return Named({"name": name, "email": f"office@{domain}", **place}, language)

    def _place(self, random: Random, language: str) -> dict[str, Any]:
        code, city, country = random.choice(_TOWNS[language])
        street = f"{random.choice(_STREETS[language])} {random.randint(1, 98)}"
        if country in ("GB", "US"):
            number, words = street.rpartition(" ")[2], street.rpartition(" ")[0]
            street = f"{number} {words}"
        place = {"street": street, "zip": code, "city": city, "country_code": country}
        phone = self._phone(country)
        return place | ({"phone": phone} if phone else {})

    def _phone(self, country: str) -> str | None:
        number = self._numbers % 1000
        if country == "GB":
            return f"020 7946 0{number:03}"
        if country == "DE":
            return f"0171 39200{number % 100:02}" if number % 10 == 0 else f"030 23125{number:03}"
        return None
