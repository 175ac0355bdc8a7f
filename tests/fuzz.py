"""Runs Schemathesis against a service on each database: `python -m tests.fuzz --cases 2000`."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from services.crm_api.scopes import SCOPES
from services.crm_api.settings import Settings as CrmSettings
from services.foundation import migrating
from services.foundation.application import utc_now
from tests.analytics.base import AS_OF, fill
from tests.conftest import BOTH, Crm, store_key
from tests.crm_api.served import Served, durable_database

TESTS = Path(__file__).resolve().parent
SEED = 20261123
