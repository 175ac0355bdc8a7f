"""Every field of the wire can be imported, or is named here with its reason."""

import pytest

from services.crm_api.features import FEATURES
from services.crm_api.imports.values.fields import MOST_OTHERS, RESOURCES, custom_targets

NOT_IMPORTED = {
    "external_refs": "made of `external_id` and the source",
    "contact_ref": "made of `contact_external_id` and the source",
    "parent_ref": "made of `parent_external_id` and the source",
    "custom": "each custom field is a target of its own",
    "allow_duplicate": "the import has `allow_duplicates` for all its rows",
    "allow_suppressed": "a person asks for it, a file does not",
}
ONLY_IMPORTED = {
    "id": "the id of the record here",
    "external_id": "the id of the record elsewhere",
    "contact_external_id": "the id of its contact",
    "parent_external_id": "the id of its organisation",
    "currency": "of all amounts of a row",
    **dict.fromkeys(("acquisition_cost_currency", "cost_currency", "price_currency"), "of one"),
    "is_deleted": "rows of what is deleted elsewhere are refused",
    "closing_date": "closed_at or expected_close_date, by the stage",
}


@pytest.mark.parametrize("plural", FEATURES)
def test_every_field_is_a_target_or_named_with_its_reason(plural: str) -> None:
    fields = set(FEATURES[plural].upsert.model_fields)
    targets = {each.removesuffix("_minor").partition(".")[0] for each in RESOURCES[plural]}
    assert fields - targets == fields & NOT_IMPORTED.keys()
    assert targets - fields <= ONLY_IMPORTED.keys()


def test_every_member_of_a_list_of_addresses_is_a_target() -> None:
    fields = FEATURES["contacts"].upsert.model_fields
    for name in ("other_emails", "other_phones", "other_addresses"):
        (shape,) = fields[name].annotation.__args__  # type: ignore[union-attr]
        members = set(shape.model_fields) - {"e164"}
        for number in (1, MOST_OTHERS):
            prefix = f"{name}.{number}."
            found = {
                each.removeprefix(prefix)
                for each in RESOURCES["contacts"]
                if each.startswith(prefix)
            }
            assert found == members


def test_every_type_of_custom_field_is_a_target() -> None:
    types = ("text", "integer", "number", "boolean", "date", "instant", "choice", "choices")
    targets = custom_targets({each: {"type": each} for each in types})
    assert set(targets) == {f"custom.{each}" for each in types}
