"""The gate behind the reader: what no galaxy has stops with its probable cause, what is unusual is said."""
import re

import h5py
import numpy as np
import pytest

from harness import Bench, run

A, H = 1.0, 0.7


@pytest.fixture
def bench(tmp_path):
    b = Bench(tmp_path)
    b.instrument()
    b.ssp()
    b.file = tmp_path / "s.hdf5"
    return b


def snapshot(path, n=400, length=1.0, mass=1.0, speed=1.0, z=1.0, size=3.0, born=(0.2, 0.9), units=None, label="TNG50",
             seed=2):
    """A galaxy as IllustrisTNG would write it, without a word about units, with each quantity times a factor."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as f:
        f.create_group("Header").attrs.update({"Time": A, "Redshift": 0.0, "Omega0": 0.3, "OmegaLambda": 0.7,
                                               "HubbleParam": H, "SimulationName": label, **(units or {})})
        g = f.create_group("PartType4")
        g["Coordinates"] = rng.normal(0, size, (n, 3)) * H * length
        g["Velocities"] = rng.normal(0, 120, (n, 3)) * speed
        g["GFM_InitialMass"] = np.full(n, 1e-5 * H) * mass
        g["Masses"] = np.full(n, 0.6e-5 * H) * mass
        g["GFM_StellarFormationTime"] = rng.uniform(*born, n)
        g["GFM_Metallicity"] = rng.uniform(0.001, 0.03, n) * z
    return path


def look(bench, ranks=1, **parameters):
    par = bench.parameters(FieldOfView=4, Redshift=0.02,
                           **{"OutputFile": bench.path("cube.fits"), **parameters})
    return run("cubix", ["-n", par], ranks, cwd=bench.folder)


def test_a_galaxy_passes_without_a_word(bench):
    snapshot(bench.path("s.hdf5"))
    done = look(bench)
    assert done.status == 0 and "usual" not in done.err, done.err


WRONG = {
    "Mpc taken for kpc": (dict(length=1e-3), r"radius that holds half of the stellar mass is 0\.0\d+ kpc", "in Mpc and taken for kpc"),
    "Msun taken for 1e10 Msun": (dict(mass=1e10), "median mass of a star particle is", "in Msun and taken for 1e10 Msun"),
    "1e10 Msun taken for Msun": (dict(mass=1e-10), "median mass of a star particle is", "in 1e10 Msun and taken for Msun"),
    "solar metallicities": (dict(z=20), "metallicity below which nine stars in ten are is", "in solar units"),
}


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("name", WRONG)
def test_what_no_galaxy_has_stops(bench, name, ranks):
    change, what, cause = WRONG[name]
    snapshot(bench.path("s.hdf5"), **change)
    done = look(bench, ranks)
    told = " ".join(done.err.split())
    assert done.status == 3 and cause in told and "SanityCheck warn" in told and "IllustrisTNG" in told, done.err
    assert re.search(what, told)
    done = look(bench, ranks, SanityCheck="warn")
    assert done.status == 0 and "cubix: warning: the " in done.err and cause in " ".join(done.err.split()), done.err


def test_speeds(bench):
    snapshot(bench.path("s.hdf5"), speed=100)
    done = look(bench)
    assert done.status == 0 and "median speed of the stars is" in done.err and "m/s" in done.err, done.err


LARGE = {"a box": dict(units={"BoxSize": 30000.0 * H}), "a radius": dict(), "several files": dict(), "of no galaxy": dict(),
         "a small part of a box": dict(units={"BoxSize": 3e5 * H}), "150 kpc": dict(size=100.0)}


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("what", LARGE)
def test_a_whole_box_is_said_and_read_and_a_galaxy_in_wrong_units_is_not(bench, what, ranks):
    """kpc taken for Mpc: half of the mass within 6 Mpc, which only the stars of a whole box may have."""
    snapshot(bench.path("s.hdf5"), **{"size": 4000.0, **LARGE[what]})
    more = {"SelectRadius": 20000} if what == "a radius" else {}
    if what == "several files":
        for k in range(2):
            snapshot(bench.path(f"s.{k}.hdf5"), size=4000.0, units={"NumFilesPerSnapshot": 2}, seed=k)
        more["InputFile"] = bench.path("s.0.hdf5")
    done = look(bench, ranks, **more)
    told = " ".join(done.err.split())
    assert done.status == (3 if what in ("of no galaxy", "a small part of a box") else 0), told
    assert "is it a whole box (SelectRadius takes a galaxy out of it), or are its lengths in kpc" in told, told
    if done.status:
        assert "SanityCheck warn" in told
        assert look(bench, ranks, SanityCheck="warn").status == 0


def test_kpc_that_are_stated_to_be_mpc(bench):
    """A galaxy of 4 kpc that says that its unit is a megaparsec."""
    units = {"UnitLength_in_cm": 3.085678e24, "UnitMass_in_g": 1.989e43, "UnitVelocity_in_cm_per_s": 1e5}
    snapshot(bench.path("s.hdf5"), units=units)
    done = look(bench)
    assert done.status == 3 and "in kpc and taken for Mpc" in " ".join(done.err.split()), done.err


def test_an_auriga_file_in_mpc_is_not_read_as_kpc(bench):
    """Stated by the file: its length is a megaparsec, and the galaxy has the size that it has."""
    units = {"UnitLength_in_cm": 3.085678e24, "UnitMass_in_g": 1.989e43, "UnitVelocity_in_cm_per_s": 1e5}
    snapshot(bench.path("s.hdf5"), length=1e-3, units=units)
    done = look(bench)
    assert done.status == 0 and "usual" not in done.err, done.err


def test_few_stars_and_one_place_have_no_size(bench):
    for change in (dict(n=10, length=1e-3), dict(size=0.0)):
        snapshot(bench.path("s.hdf5"), **change)
        assert look(bench, Centre=[0, 0, 0]).status == 0


def test_in_chunks_as_in_memory(bench):
    """The same is found where stars are read chunk by chunk, and a made-up file that names its units is read."""
    snapshot(bench.path("s.hdf5"), n=30000, z=20)
    known = dict(Centre=[0, 0, 0], SystemicVelocity=[0, 0, 0])
    done = look(bench, 2, SlabMemory=0.2, **known)
    assert done.status == 3 and "in solar units" in done.err, done.err
    par = bench.parameters(FieldOfView=4, Redshift=0.02, SlabMemory=0.2,
                           OutputFile=bench.path("cube.fits"), **known)
    done = run("cubix", [par], 2, cwd=bench.folder)
    assert done.status == 3 and "in solar units" in done.err and not bench.path("cube.fits").exists(), done.err
