"""Fixtures of the Python tests; what they are made of is in harness.py."""
import pytest

import harness


def pytest_report_header(config):
    return [f"programs: {harness.BUILD}",
            f"shared data: {harness.SHARED}{'' if harness.SHARED.exists() else ' (absent: its tests are skipped)'}"]


@pytest.fixture
def bench(tmp_path):
    """An empty folder in which to put an instrument, a library and a galaxy, and run cubix."""
    return harness.Bench(tmp_path)
