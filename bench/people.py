"""Made-up people and firms whose names, places and numbers are spread as those of a real base are."""

import random
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import accumulate
from typing import Any

_SEED = 20261126
FAMILY = (
    "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer "
    "Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange "
    "Schmitt Werner Schmitz Krause Meier Lehmann Schmid Schulze Maier Köhler Herrmann König Walter "
    "Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Schubert Vogel Friedrich "
    "Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon "
    "Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer Groß Seidel "
    "Heinrich Brandt Haas Schreiber Graf Schulte Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch "
    "Bergmann Thomas Voigt Sauer Arnold Wolff Pfeiffer Smith Jones Taylor Brown Williams Wilson "
    "Johnson Davies Patel Robinson Wright Thompson Evans Walker White Roberts Green Hall Wood "
    "Jackson Clarke Yılmaz Kaya Demir Çelik Nowak Kowalski Novák García López Rossi Nguyễn"
).split()
_BEGINNINGS = (
    "Ober Nieder Stein Berg Wald Holz Eber Eichen Feld Gold Hagen Hohen Kirch Linden Neu Rosen Sand "
    "Schön Silber Stahl Tannen Wiesen Winkel Brunn Buch Breiten Alten Grün Kalten Rot Hirsch Lichten "
    "Mühl Morgen Nacht Reichen Sieben Sonnen Strass Vogel Weiden Wein Wester Zwei Dorn Fahren Frei"
).split()
_ENDINGS = (
    "mann meier hofer bauer huber bach berger müller mayer wald stein thal brück hausen feld kamp "
    "horst busch dorf eder egger inger ler ner rich schläger wieser loher lechner hardt"
).split()
GIVEN = (
    "Peter Michael Thomas Andreas Wolfgang Klaus Jürgen Günter Stefan Christian Uwe Werner Horst "
    "Frank Dieter Manfred Gerhard Hans Bernd Thorsten Mathias Helmut Walter Heinz Martin Jörg Rolf "
    "Jens Sven Alexander Jan Rainer Holger Karl Dirk Joachim Ralf Carsten Herbert Oliver Wilhelm Kurt "
    "Markus Heiko Volker Norbert Tobias Philipp Lukas Leon Jonas Paul Felix Maximilian Noah Finn "
    "Maria Ursula Monika Petra Elisabeth Sabine Renate Helga Karin Brigitte Ingrid Erika Andrea "
    "Gisela Claudia Susanne Gabriele Christa Christine Hildegard Anna Birgit Barbara Gertrud Heike "
    "Marianne Elke Martina Angelika Irmgard Katrin Ute Silke Bärbel Jutta Nicole Käthe Julia Sandra "
    "Lena Sophie Emma Mia Hannah Lea Zoë Chloé René José Oliver George Harry Jack Emily Olivia Amelia "
    "Isla Ava James William Charlotte Grace Ayşe Mehmet Agnieszka Zoltán Björn Søren"
).split()
TOWNS = (
    *("DE 10115 030 Berlin", "DE 20095 040 Hamburg", "DE 80331 089 München", "DE 50667 0221 Köln"),
    *("DE 60311 069 Frankfurt", "DE 70173 0711 Stuttgart", "DE 40213 0211 Düsseldorf"),
    *("DE 04109 0341 Leipzig", "DE 44135 0231 Dortmund", "DE 45127 0201 Essen"),
    *("DE 28195 0421 Bremen", "DE 01067 0351 Dresden", "DE 30159 0511 Hannover"),
    *("DE 90402 0911 Nürnberg", "DE 47051 0203 Duisburg", "DE 44787 0234 Bochum"),
    *("DE 42103 0202 Wuppertal", "DE 33602 0521 Bielefeld", "DE 53111 0228 Bonn"),
    *("DE 48143 0251 Münster", "DE 68159 0621 Mannheim", "DE 76131 0721 Karlsruhe"),
    *("DE 86150 0821 Augsburg", "DE 65183 0611 Wiesbaden", "DE 23552 0451 Lübeck"),
    *("DE 79098 0761 Freiburg", "DE 99084 0361 Erfurt", "DE 55116 06131 Mainz"),
    *("DE 24103 0431 Kiel", "DE 93047 0941 Regensburg", "DE 97070 0931 Würzburg"),
    *("DE 73728 0711 Esslingen", "DE 37073 0551 Göttingen", "DE 94032 0851 Passau"),
    *("AT 1010 01 Wien", "AT 8010 0316 Graz", "AT 4020 0732 Linz", "CH 8001 044 Zürich"),
    *("CH 3011 031 Bern", "CH 4051 061 Basel", "GB SW1A 020 London", "GB M1 0161 Manchester"),
    *("GB B1 0121 Birmingham", "GB EH1 0131 Edinburgh"),
)
STREETS = (
    "Hauptstraße Schulstraße Gartenstraße Bahnhofstraße Dorfstraße Bergstraße Birkenweg Lindenstraße "
    "Kirchstraße Waldstraße Ringstraße Schillerstraße Amselweg Goethestraße Jahnstraße Buchenweg "
    "Wiesenstraße Eichenweg Mühlenweg Rosenweg Ahornweg Mozartstraße Blumenweg Feldstraße Erlenweg "
    "Uhlandstraße Parkstraße Poststraße Meisenweg Bachstraße Finkenweg Tannenweg Lerchenweg Talstraße "
    "Friedhofstraße Lessingstraße Beethovenstraße Kastanienweg Mittelstraße Königstraße Marktplatz"
).split() + [f"{first}weg" for first in _BEGINNINGS]
_TRADES = (
    "Möbel Bau Elektro Metall Logistik Software Beratung Immobilien Druck Reisen Energie Textil Holz "
    "Auto Sanitär Garten Medien Technik Maschinenbau Lebensmittel"
).split()
_LEGAL = ("GmbH", "GmbH & Co. KG", "AG", "KG", "e.K.", "UG", "Ltd", "OHG")
_MAIL = ("gmx.de", "web.de", "gmail.com", "t-online.de", "outlook.com", "example.org", "posteo.de")
_LATIN = str.maketrans({**dict(zip("äöüÄÖÜ", "ae oe ue Ae Oe Ue".split(), strict=True)), "ß": "ss"})


class _Spread:
    """Draws words by a power law: the n-th is drawn as often as `n ** -steepness`."""

    def __init__(self, words: list[str], *, steepness: float = 0.6) -> None:
        self._words = words
        self._shares = [*accumulate((1 / (place + 1) ** steepness) for place in range(len(words)))]

    def one(self, choice: random.Random) -> str:
        return choice.choices(self._words, cum_weights=self._shares)[0]


_FAMILY = _Spread(FAMILY + [begin + end for end in _ENDINGS for begin in _BEGINNINGS])
_GIVEN = _Spread(GIVEN)
_TOWN = _Spread(list(TOWNS))
_STREET = _Spread(STREETS, steepness=0.4)
_OWNER = _Spread([f"user-{number}" for number in range(50)], steepness=0.5)
_TAG = _Spread(["newsletter", "vip", "spring", "trade-fair", "b2b", "rare"], steepness=1.5)


def people(count: int) -> Iterator[Mapping[str, Any]]:
    """Yield the fields of contacts as people enter them: nine persons, then an organisation.

    `employer` is the number of the organisation that a person belongs to.
    """
    choice = random.Random(_SEED)
    for number in range(count):
        country, zip_code, prefix, town = _TOWN.one(choice).split(" ")
        common = {
            "country_code": country,
            "language": "en" if country == "GB" else "de",
            "city": town if choice.random() < 0.8 else None,
            "phone": _phone(choice, prefix) if choice.random() < 0.6 else None,
            "owner_id": _OWNER.one(choice),
            "tags": sorted({_TAG.one(choice) for _ in range(choice.randrange(3))}),
            "custom": {"score": choice.randrange(1000), "wood": choice.choice(["oak", "ash"])},
        }
        if common["city"] and choice.random() < 0.8:
            near = choice.randrange(100)
            common["zip"] = f"{zip_code[:-2]}{near:02}" if country == "DE" else zip_code
            common["street"] = f"{_STREET.one(choice)} {choice.randrange(1, 120)}"
        yield common | (_firm(choice) if number % 10 == 0 else _person(choice, number))


def _firm(choice: random.Random) -> dict[str, Any]:
    family, trade = _FAMILY.one(choice), choice.choice(_TRADES)
    domain = f"{trade}-{family}{choice.randrange(1000)}.example".lower().translate(_LATIN)
    mail = f"info@{domain}" if domain.isascii() and choice.random() < 0.6 else None
    return {
        "kind": "organisation",
        "name": f"{trade} {family} {choice.choice(_LEGAL)}",
        "email": mail,
    }


def _person(choice: random.Random, number: int) -> dict[str, Any]:
    given, family = _GIVEN.one(choice), _FAMILY.one(choice)
    born = date(1940, 1, 1) + timedelta(days=choice.randrange(24_000))
    employer = number - number % 10 if choice.random() < 0.3 else None
    return {
        "kind": "person",
        "given_name": given,
        "family_name": family,
        "email": _mail(choice, given, family) if choice.random() < 0.65 else None,
        "birth_date": born if choice.random() < 0.35 else None,
        "employer": employer,
    }


def _mail(choice: random.Random, given: str, family: str) -> str | None:
    local = f"{choice.choice([given, given[0]])}.{family}".lower().translate(_LATIN)
    if not local.isascii():
        return None
    return f"{local}{choice.randrange(1900, 10_000)}@{choice.choice(_MAIL)}"


def _phone(choice: random.Random, prefix: str) -> str:
    if choice.random() < 0.5:
        prefix = choice.choice(["0151", "0160", "0170", "0171", "0176"])
    return f"{prefix} {choice.randrange(10**6, 10**7)}"
