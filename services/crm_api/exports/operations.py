"""The statements behind exports."""

from functools import cache

from sqlalchemy import ColumnElement, and_, bindparam, or_, select

from services.crm_api.contacts.table import CONTACT
from services.crm_api.features import FEATURES
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.statements import Statement


@cache
def export_statement(plural: str, *, is_csv: bool, by_id: bool, personal: bool) -> Statement:
    """Return the statement that yields all live records, or those whose ids are given.

    Contacts that were live when they were erased are there too, empty: their deals belong to totals.
    """
    resource = FEATURES[plural].resource
    columns = resource.flat(personal=personal) if is_csv else [resource.json(personal=personal)]
    table = resource.table.c
    is_there: ColumnElement[bool] = table.deleted_at.is_(None)
    if resource is CONTACT:
        is_shell = and_(table.erased_at == table.deleted_at, table.merged_into_id.is_(None))
        is_there = or_(is_there, is_shell)
    clause = select(*columns).where(is_there)
    if by_id:
        clause = clause.where(any_of(resource.table.c.id, bindparam("ids", type_=Texts)))
    return Statement(clause)
