"""The closed lists that are sections of the catalogue: their words are its ids."""

from typing import Literal

Channel = Literal[
    "email",
    "post",
    "sms",
    "phone",
    "call_centre",
    "chat",
    "app",
    "social",
    "web",
    "video",
    "store",
    "visit",
    "event",
    "atm",
    "tv",
    "print",
    "online_ads",
]
ConsentChannel = Literal[
    "email", "post", "sms", "phone", "call_centre", "chat", "app", "social", "video", "visit"
]
"""The channels that the catalogue lets nobody use without a consent, or after an objection."""
Touchpoint = Literal[
    "phone_reception",
    "sales",
    "marketing",
    "account_management",
    "website",
    "social_media",
    "after_sales",
    "support",
    "technician",
    "accounting",
    "store",
    "delivery",
]
PurchaseMotive = Literal[
    "monopoly",
    "advantage_price",
    "advantage_offer",
    "advantage_service",
    "advantage_proximity",
    "advantage_assortment",
    "brand_image",
    "habit",
    "familiarity",
    "unknown",
]
CommunicationStyle = Literal["brief", "normal", "extensive"]
Dimension = Literal["product", "peripheral", "ambience", "psychic"]
Phase = Literal["acquisition", "development", "retention", "winback", "termination"]
LostReason = Literal[
    "price", "product", "service", "timing", "no_need", "competitor", "trust", "other"
]
"""Why a deal was lost, and why an offer was declined."""
