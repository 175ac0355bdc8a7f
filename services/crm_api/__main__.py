"""The commands of the CRM service."""

import services.foundation.loading as loading
from services.crm_api.app import create_app
from services.crm_api.scopes import SCOPES
from services.crm_api.settings import Settings
from services.foundation.command_line import (
    Command,
    add_keys,
    migrate,
    openapi,
    run_command,
    serve,
)

NAME = "crm_api"
COMMANDS: list[Command[Settings]] = [
    serve(NAME, create_app, address=lambda settings: (settings.crm_host, settings.crm_port)),
    migrate(NAME),
    add_keys(NAME, SCOPES),
    openapi(create_app),
]

if __name__ == "__main__":
    loading.has_ended()
    run_command(NAME, __doc__, COMMANDS, Settings)
