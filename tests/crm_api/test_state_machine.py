"""Whatever is written, in whatever order: lists, feed, search, merges and undo agree with a model."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import Crm
from tests.crm_api.state_machine import CrmMachine


def test_random_writes_leave_what_the_model_says(crm: Crm) -> None:
    machine = type("Machine", (CrmMachine,), {"crm": crm})
    run_state_machine_as_test(
        machine, settings=settings(suppress_health_check=list(HealthCheck), deadline=None)
    )
