"""What the invented shop sells, does for many and knows of its competitors."""

from typing import Any

from services.local.demo.invented.wire import instant, money

Record = dict[str, Any]


def _product(key: str, name: str, category: str, price: str, cost: str, **more: Any) -> Record:
    return {
        "key": key,
        "name": name,
        "category": category,
        "list_price": money(price),
        "unit_cost": money(cost),
        "owner_id": "paula.product",
        **more,
    }


_DURABLE: Record = {"is_repeatable": False}
PRODUCTS: tuple[Record, ...] = (
    _product("CD-CLASSIC", "Classical CD", "discs", "15.00", "9.00", complements=["CD-CASE"]),
    _product("CD-JAZZ", "Jazz CD", "discs", "14.00", "8.40", complements=["CD-CASE"]),
    _product("CD-POP", "Pop CD", "discs", "13.00", "8.00", complements=["CD-CASE"]),
    _product("BOX-OPERA", "Opera box set", "discs", "48.00", "29.00"),
    _product("LP-VINYL", "Vinyl record", "vinyl", "18.00", "10.50", complements=["CLEAN-KIT"]),
    _product("CD-CASE", "Case for 24 CDs", "care", "12.00", "5.00"),
    _product("CLEAN-KIT", "Cleaning kit", "care", "16.00", "6.50", replacement_days=180),
    _product(
        *("HEAD-100", "Headphones 100", "headphones", "59.00", "34.00"),
        **_DURABLE,
        replacement_days=365,
        complements=["HEAD-PADS"],
        successor_id="HEAD-200",
    ),
    _product(
        *("HEAD-200", "Headphones 200", "headphones", "89.00", "50.00"),
        **_DURABLE,
        replacement_days=365,
        complements=["HEAD-PADS"],
    ),
    _product("HEAD-PADS", "Ear pads", "headphones", "11.00", "3.50", replacement_days=270),
    _product(
        *("PLAY-10", "Portable CD player 10", "players", "99.00", "66.00"),
        **_DURABLE,
        replacement_days=400,
        complements=["BATTERIES", "HEAD-100"],
        successor_id="PLAY-20",
        is_for_sale=False,
    ),
    _product(
        *("PLAY-20", "Portable CD player 20", "players", "129.00", "82.00"),
        **_DURABLE,
        replacement_days=400,
        complements=["BATTERIES", "HEAD-200"],
    ),
    _product("BATTERIES", "Batteries, pack of 8", "players", "7.00", "3.00"),
    _product(
        *("TURN-50", "Turntable 50", "turntables", "189.00", "120.00"),
        **_DURABLE,
        replacement_days=1825,
        service_interval_days=180,
        complements=["NEEDLE", "CLEAN-KIT", "LP-VINYL"],
    ),
    _product("NEEDLE", "Stylus", "turntables", "29.00", "12.00", replacement_days=300),
    _product("CHECK-UP", "Check-up of a turntable", "service", "35.00", "20.00"),
    _product(
        *("PLAN-CARE", "Maintenance plan, a year", "service", "60.00", "28.00"),
        **_DURABLE,
        complements=["CHECK-UP"],
    ),
    _product("LICENCE", "Background music for a year", "licences", "120.00", "70.00"),
    _product("CRATE", "Crate of 60 CDs to lend", "systems", "600.00", "360.00"),
    _product(
        *("HALL-1", "Sound system for a hall", "systems", "2400.00", "1500.00"),
        **_DURABLE,
        replacement_days=300,
        service_interval_days=150,
        complements=["CRATE"],
        successor_id="HALL-2",
    ),
    _product(
        *("HALL-2", "Sound system for two halls", "systems", "3600.00", "2100.00"),
        **_DURABLE,
        replacement_days=1825,
        service_interval_days=365,
        complements=["CRATE"],
    ),
    _product("VOUCHER", "Gift voucher", "gifts", "25.00", "20.00"),
    _product("SAMPLE-CD", "Sampler CD", "discs", "0.00", "1.50", is_sample=True),
    _product("TRIAL-20", "Player 20 on trial", "players", "0.00", "4.00", is_sample=True),
)
_LINES = {product["key"]: product for product in PRODUCTS}


def price_of(key: str) -> float:
    return float(_LINES[key]["list_price"]["amount"])


def cost_of(key: str) -> float:
    return float(_LINES[key]["unit_cost"]["amount"])


def name_of(key: str) -> str:
    return str(_LINES[key]["name"])


def _campaign(
    key: str, name: str, phase: str, strategy: str, instrument: str, **more: Any
) -> Record:
    return {
        "key": key,
        "name": name,
        "phase": phase,
        "strategy_id": strategy,
        "instrument_id": instrument,
        "owner_id": "marta.marketing",
        "starts_at": instant(400),
        **more,
    }


CAMPAIGNS: tuple[Record, ...] = (
    _campaign(
        *("news-1998", "Newsletter", "retention", "attachment", "newsletter"),
        channel="email",
        reason="New recordings by those whom you have listened to.",
        unit_cost=money("0.02"),
        budget=money("200.00"),
    ),
    _campaign(
        *(
            "sampler-letter",
            "Letter with a sampler",
            "acquisition",
            "awareness_building",
            "direct_mail",
        ),
        channel="post",
        reason="You asked for our catalogue at the music fair.",
        product_id="SAMPLE-CD",
        unit_cost=money("1.00"),
        fixed_cost=money("150.00"),
        budget=money("900.00"),
    ),
    _campaign(
        *("voices", "What listeners say", "acquisition", "persuasion_symbolic", "testimonial"),
        channel="email",
        reason="Three music teachers tell what they play in class.",
        flags=["testimonial_checked"],
        unit_cost=money("0.20"),
    ),
    _campaign(
        *("summer-sounds", "Summer sounds", "retention", "sales_promotion", "seasonal_campaign"),
        channel="email",
        reason="The open-air season begins.",
        product_id="PLAY-20",
        starts_at=instant(30),
        unit_cost=money("0.10"),
        budget=money("500.00"),
    ),
    _campaign(
        *("come-back", "We miss you", "winback", "winback_emotional", "personal_communication"),
        channel="post",
        reason="It has been quiet between us since autumn.",
        experiment_id="come-back-1998",
        unit_cost=money("2.00"),
        budget=money("400.00"),
    ),
    _campaign(
        *("rooms", "Music for rooms", "acquisition", "persuasion_factual", "advice"),
        channel="visit",
        reason="You are opening or refitting rooms for guests.",
        product_id="HALL-1",
        fixed_cost=money("900.00"),
    ),
    _campaign(
        *("player-trial", "Player on trial", "acquisition", "stimulation", "trial_period"),
        channel="email",
        product_id="TRIAL-20",
        flags=["auto_renewal"],
        unit_cost=money("8.00"),
        ends_at=instant(120),
    ),
)

COMPETITORS: tuple[Record, ...] = (
    {
        "key": "disc-depot",
        "name": "Disc Depot",
        "website": "https://disc-depot.example",
        "note": "Cheap, with little advice.",
    },
    {
        "key": "klangwelt",
        "name": "Klangwelt Versand",
        "website": "https://klangwelt.example",
        "note": "Strong in classical music, slow in service.",
    },
    {"key": "vinyl-villa", "name": "Vinyl Villa", "website": "https://vinyl-villa.example"},
)


def _swot(subject: str, quadrant: str, statement: str, weight: int, **more: Any) -> Record:
    return {
        "subject": subject,
        "quadrant": quadrant,
        "statement": statement,
        "weight": weight,
    } | more


_CHECKED: Record = {
    "valid_from": "1998-01-01",
    "valid_to": "1998-12-31",
    "confirmed_by": "paula.product",
}
SWOT_ITEMS: tuple[Record, ...] = (
    _swot("self", "strength", "Advice by people who play themselves.", 4, **_CHECKED),
    _swot("self", "weakness", "Deliveries take a week at Christmas.", 3, **_CHECKED),
    _swot(
        *("self", "threat", "Disc Depot sells pop CDs two dollars cheaper.", 5),
        **_CHECKED,
        product_id="CD-POP",
        evidence="Lost deals of spring 1998 name it.",
        source="Price check, June 1998",
    ),
    _swot("self", "opportunity", "Portable players find new buyers.", 3, product_id="PLAY-20"),
    _swot("disc-depot", "weakness", "No returns after 14 days.", 4, **_CHECKED),
    _swot(
        "disc-depot", "strength", "Lowest price on chart CDs.", 5, **_CHECKED, product_id="CD-POP"
    ),
    _swot("klangwelt", "weakness", "Repairs take six weeks.", 4, **_CHECKED, product_id="TURN-50"),
    _swot(
        "vinyl-villa",
        "strength",
        "Rare pressings.",
        3,
        valid_from="1996-01-01",
        valid_to="1997-06-30",
    ),
)

ACTIVITIES: tuple[Record, ...] = (
    {
        "competitor_id": "disc-depot",
        "kind": "price_change",
        "occurred_at": instant(20),
        "description": "Chart CDs are two dollars cheaper.",
        "product_id": "CD-POP",
        "impact": 4,
    },
    {
        "competitor_id": "klangwelt",
        "kind": "opening",
        "occurred_at": instant(150),
        "description": "A shop in Hamburg.",
        "impact": 2,
    },
)
