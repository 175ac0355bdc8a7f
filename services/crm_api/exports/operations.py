"""The statements behind exports."""

from functools import cache

from sqlalchemy import bindparam, select

from services.crm_api.features import FEATURES
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.statements import Statement


@cache
def export_statement(plural: str, *, is_csv: bool, by_id: bool, personal: bool) -> Statement:
    """Return the statement that yields all live records, or those whose ids are given."""
    resource = FEATURES[plural].resource
    columns = resource.flat(personal=personal) if is_csv else [resource.json(personal=personal)]
    clause = select(*columns).where(resource.table.c.deleted_at.is_(None))
    if by_id:
        clause = clause.where(any_of(resource.table.c.id, bindparam("ids", type_=Texts)))
    return Statement(clause)
