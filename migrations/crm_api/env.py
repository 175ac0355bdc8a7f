"""Runs the migrations of one service over the connection that the caller opened."""

from alembic import context


def _is_compared(_object, name, _kind, _reflected, _other) -> bool:
    """Leave out what only one of the two databases has: the index that searches look into."""
    return not str(name).startswith(("contact_search", "ix_contacts_search"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    transaction_per_migration=True,
    compare_server_default=False,
    render_as_batch=True,
    include_object=_is_compared,
)
with context.begin_transaction():
    context.run_migrations()
