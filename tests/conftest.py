"""Fixtures of the Python tests; what they are made of is in harness.py."""
import shutil
import subprocess

import pytest

import harness


def pytest_report_header(config):
    return [f"programs: {harness.BUILD}",
            f"shared data: {harness.SHARED}{'' if harness.SHARED.exists() else ' (absent: its tests are skipped)'}"]


@pytest.fixture
def bench(tmp_path):
    """An empty folder in which to put an instrument, a library and a galaxy, and run cubix."""
    return harness.Bench(tmp_path)


@pytest.fixture
def ready(bench):
    """A small instrument, a library and 40 stars."""
    bench.instrument(4, 4, 1.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    bench.particles(harness.galaxy(40, seed=2, radius=0.5))
    return bench


NO_LOCKS = """#include <errno.h>
int flock(int file, int what) { (void)file; (void)what; errno = ENOLCK; return -1; }
"""


@pytest.fixture(scope="session")
def no_locks(tmp_path_factory):
    """The environment of a file system that knows no locks."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no C compiler: a file system without locks cannot be played")
    folder = tmp_path_factory.mktemp("locks")
    (folder / "locks.c").write_text(NO_LOCKS)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "locks.so", folder / "locks.c"], check=True)
    return {"LD_PRELOAD": str(folder / "locks.so")}
