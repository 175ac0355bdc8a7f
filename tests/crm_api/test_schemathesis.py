"""Schemathesis against the running service: few cases here, many on both databases with `make fuzz`.

The examples of the document are tried by `test_examples`.
"""

import pytest

from tests.conftest import Crm
from tests.fuzz import SEED, cases_in, schemathesis


@pytest.mark.long
@pytest.mark.parametrize("crm", ["postgresql"], indirect=True)
def test_schemathesis_finds_nothing(crm: Crm) -> None:
    good, said = schemathesis(crm.url, crm.key, examples=1, seed=SEED, phases="fuzzing")
    assert good, said
    assert cases_in(said) >= 100, said
