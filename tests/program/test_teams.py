"""Host programs whose ranks make cubes in teams (host_teams.c): on communicators of their own, at once,
in turn, and one within the other.  Their cubes have the bits of the program's."""
import re

import numpy as np
import pytest

from harness import Bench, galaxy, read_cube, run

FIXED = dict(Engine="histogram", Combine="histogram", Centre=(0, 0, 0), SystemicVelocity="none", Redshift=0.05)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two parameter files, and the cubes that the program makes of them: of different galaxies, instruments and
    redshifts; the second warns."""
    bench = Bench(tmp_path_factory.mktemp("teams"))
    bench.ssp(fwhm=1.0)
    made = {}
    for name, n, grid, extra in (("A", 400, (9, 7), dict(FIXED, Inclination=30)), ("B", 300, (6, 8), dict(FIXED))):
        bench.particles(galaxy(n, seed=n), name=f"{name}.hdf5")
        bench.instrument(*grid, 0.5, lam=(5000.0, 5099.0 + n, 1.0), name=f"{name}.cfg", psf="gaussian",
                         psf_curve=(0.8,))
        file = bench.parameters(**extra)
        done = run("cubix", [file], cwd=bench.folder)
        assert done.status == 0, done.err
        made[name] = (file, read_cube(bench.out)["DATA"].astype("f4"))
    return bench.folder, made


def host(two, how, ranks, names="AB"):
    """Run it, and compare what each pipeline's ranks have written."""
    folder, made = two
    for old in folder.glob(f"{how}.*"):
        old.unlink()
    done = run("host_teams", [how, folder / how, *(made[name][0] for name in names)], ranks, cwd=folder)
    assert done.status == 0, done.out + done.err
    assert len(re.findall(r"^rank \d+: 0 wrong$", done.out, re.M)) == ranks and "GSL" not in done.out
    for name in names:
        n_l, n_y, n_x = made[name][1].shape
        parts = sorted(folder.glob(f"{how}.{name}.*"), key=lambda p: int(p.suffix[1:]))
        got = np.concatenate([np.fromfile(p, "f4").reshape(n_y, n_x, -1) for p in parts], axis=2)
        assert got.shape[2] == n_l and got.transpose(2, 0, 1).tobytes() == made[name][1].tobytes(), name
        done.parts = len(parts)
    return done


@pytest.mark.parametrize("ranks", [2, 3, 4])
@pytest.mark.parametrize("how", ["apart", "after"])
def test_teams(two, how, ranks):
    host(two, how, ranks)


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("how", ["within", "again"])
def test_two_in_one_process(two, how, ranks):
    done = host(two, how, ranks)
    # each has its own warnings, and only those
    idle = "Inclination = 30"
    lines = [line for line in done.out.splitlines() if idle in line]
    assert lines and all(line.startswith("A on rank") for line in lines)
    assert len([line for line in lines if "rank 0" in line]) == (2 if how == "again" else 1)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_host_with_plain_mpi_init(two, ranks):
    done = host(two, "plain", ranks, "A")
    assert done.out.count("A on rank 0 warned: this program started MPI for a single thread (MPI_Init)") == 1
    assert "A on rank 1 warned: this program started" not in done.out


@pytest.mark.parametrize("ranks", [1, 3])
def test_opening_starts_the_library(two, ranks):
    """A host that never started MPI: every rank finds the others."""
    assert host(two, "opens", ranks, "A").parts == ranks
