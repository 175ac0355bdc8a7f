"""The words of closed lists are the ids of the catalogue; deals are found by due day and contract end."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_catalogue_words"
down_revision = "2026_11_24_keys"
branch_labels = None
depends_on = None

CHANNELS = (
    *("email", "post", "sms", "phone", "call_centre", "chat", "app", "social", "web", "video"),
    *("store", "visit", "event", "atm", "tv", "print", "online_ads"),
)
TOUCHPOINTS = (
    *("phone_reception", "sales", "marketing", "account_management", "website", "social_media"),
    *("after_sales", "support", "technician", "accounting", "store", "delivery"),
)
MOTIVES = (
    *("monopoly", "advantage_price", "advantage_offer", "advantage_service"),
    *("advantage_proximity", "advantage_assortment", "brand_image", "habit", "familiarity"),
    "unknown",
)
REASONS = ("price", "product", "service", "timing", "no_need", "competitor", "trust", "other")
# Table, column, the words that are allowed, where a word goes that is none, what takes its place.
LISTS = (
    ("contacts", "purchase_motive", MOTIVES, "tags", None),
    ("contacts", "preferred_channel", CHANNELS, "tags", None),
    ("interactions", "channel", CHANNELS, "tags", None),
    ("interactions", "touchpoint", TOUCHPOINTS, "tags", None),
    ("interactions", "decline_reason", REASONS, "tags", "other"),
    ("campaigns", "channel", CHANNELS, "flags", None),
)
MEANT = (
    ("contacts", "purchase_motive", "price", "advantage_price"),
    ("contacts", "purchase_motive", "product", "advantage_offer"),
    ("contacts", "purchase_motive", "service", "advantage_service"),
    ("contacts", "purchase_motive", "proximity", "advantage_proximity"),
    ("contacts", "purchase_motive", "assortment", "advantage_assortment"),
    ("contacts", "purchase_motive", "brand", "brand_image"),
    ("interactions", "channel", "telephone", "phone"),
    ("interactions", "channel", "website", "web"),
    ("interactions", "channel", "web_shop", "web"),
    ("interactions", "channel", "letter", "post"),
    ("interactions", "touchpoint", "service_hotline", "support"),
    ("campaigns", "phase", "win_back", "winback"),
)
INDEXES = (
    ("ix_deals_due", ["due_at", "id"]),
    ("ix_deals_contract_end", ["contract_end_at", "id"]),
)


def upgrade() -> None:
    for table, column, word, meant in MEANT:
        op.execute(
            sa.text(f"UPDATE {table} SET {column} = :meant WHERE {column} = :word").bindparams(
                meant=meant, word=word
            )
        )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, column, words, kept_in, instead in LISTS:
        kept = f"substr('{column}_' || {column}, 1, 64)"
        added = (
            f"{kept_in} || jsonb_build_array({kept})"
            if is_postgresql
            else f"json_insert({kept_in}, '$[#]', {kept})"
        )
        op.execute(
            sa.text(
                f"UPDATE {table} SET {kept_in} = {added}, {column} = :instead "
                f"WHERE {column} IS NOT NULL AND {column} NOT IN :words"
            ).bindparams(sa.bindparam("words", list(words), expanding=True), instead=instead)
        )
    _date_fraud()
    _tell_parts_from_wholes()
    for index, columns in INDEXES:
        op.create_index(index, "deals", columns)


def _date_fraud() -> None:
    """Fraud that somebody confirmed has a date; one that nobody did is none."""
    op.execute(
        "UPDATE deals SET fraud_confirmed_at = updated_at "
        "WHERE fraud_confirmed_by IS NOT NULL AND fraud_confirmed_at IS NULL"
    )
    op.execute("UPDATE deals SET fraud_confirmed_at = NULL WHERE fraud_confirmed_by IS NULL")


def _tell_parts_from_wholes() -> None:
    """Of a deal that was refunded or written off in part, the rest is still paid or issued."""
    written_off = "coalesce(written_off_minor >= amount_minor, true)"
    refunded = "coalesce(refund_minor >= amount_minor, true)"
    op.execute(
        f"UPDATE deals SET payment_status = CASE "
        f"WHEN written_off_at IS NOT NULL AND {written_off} THEN 'written_off' "
        "WHEN chargeback_at IS NOT NULL AND coalesce(chargeback_lost_minor, 1) <> 0 "
        "THEN 'charged_back' "
        f"WHEN refunded_at IS NOT NULL AND {refunded} THEN 'refunded' "
        "WHEN disputed_at IS NOT NULL THEN 'disputed' WHEN paid_at IS NOT NULL THEN 'paid' "
        "WHEN invoiced_at IS NOT NULL THEN 'issued' ELSE 'none' END "
        "WHERE payment_status IN ('written_off', 'charged_back', 'refunded')"
    )


def downgrade() -> None:
    # The words of the catalogue are words for the release before, too: they stay.
    for index, _ in INDEXES:
        op.drop_index(index, "deals")
