"""From a snapshot in each simulation's format to the cube, against the oracle: it is given the stars that were written,
in a canonical file, and knows nothing of formats.  MUSE's spaxels, channels, LSF and PSF on a small field; the demo library."""
import numpy as np
import pytest

import snapshots as snap
from harness import assert_close, galaxy, shared, write_particles
from oracle import cube as oracle
from test_hdf5_codes import of_isolated_run
from test_hdf5_formats import demo  # noqa: F401  (a fixture)
from test_hdf5_snapshots import ages, columns

Z = 0.02


def muse(bench, library, n=8, pixel=0.2):
    bench.instrument(n, n, pixel, lam=(6500.0, 6599.0, 1.25), medium="air", lsf_curve=(2.6,), psf="moffat",
                     psf_curve=(0.7,), psf_beta=2.8)
    bench.ssp_file = library


def check(bench, file, want, cosmo, centre="median", sparse=False, **parameters):
    """want: of these stars, the cube by the oracle; within the engine's tolerance, and the spectra's level.
    sparse: there are spaxels without light; the level is a tenth of the brightest voxel."""
    write_particles(bench.path("canonical.hdf5"),
                    {"pos": want["pos"], "vel": want["vel"], "mass": want["formed"], "mass_now": want["now"],
                     "age": want["age"], "z": want["z"]}, OmegaMatter=cosmo[0], OmegaLambda=cosmo[1], HubbleParam=cosmo[2])
    seen = oracle.observe(bench.path("canonical.hdf5"), bench.ssp_file, bench.inst, Z, centre=centre, cosmo=cosmo)
    assert seen.maps["NSTAR"].sum() > 10
    bench.file = file
    got = bench.cube(ranks=2, Redshift=Z, Centre=centre, Engine="histogram", Tolerance=1e-5, **parameters)
    good = (got["DQ"] & 3) == 0
    assert good.any()
    assert_close(got["DATA"][good], seen.cube[good], 1e-4, 0.1 * np.abs(seen.cube).max() if sparse else None)
    for name in ("MASS", "MASS_NOW", "NSTAR"):
        assert_close(got[name], seen.maps[name], 1e-5, np.abs(seen.maps[name]).max(), what=name)
    return got


@pytest.mark.parametrize("code", snap.CODES)
def test_each_format(bench, demo, code):
    s = snap.born(galaxy(150, seed=21, radius=0.35, centre=(9000, 8000, 7000), velocity=(30, -70, 110)), 0.25)
    muse(bench, demo)
    file = snap.write(bench.path("g.hdf5"), code, s)
    got = check(bench, file, snap.expected(code, s, demo), snap.COSMO)
    assert got["header"]["PRIMARY"]["SIMFMT"] == code


@pytest.mark.parametrize("code", ["SWIFT", "GIZMO", "Gadget"])
def test_isolated(bench, demo, code):
    s = of_isolated_run(150)
    s["pos"] = s["pos"] / 8
    muse(bench, demo)
    file = snap.write_isolated(bench.path("g.hdf5"), code, s)
    check(bench, file, snap.expected(code, s, demo), snap.COSMO, OmegaMatter=snap.COSMO[0], OmegaLambda=snap.COSMO[1],
          HubbleParam=snap.COSMO[2])


def test_colibre(bench, demo):
    """A real one, read by numpy for the oracle."""
    path = shared("data/simulations/colibre_swift.hdf5")
    x, v, m, m0, birth, z = columns([path], "PartType4", "Coordinates", "Velocities", "Masses", "InitialMasses",
                                    "BirthScaleFactors", "MetalMassFractions")
    cosmo = (0.304611, 0.693922, 0.6810015470019942)
    muse(bench, demo, 20)
    check(bench, path, {"pos": x * 1e3, "vel": v, "now": m * 1e10, "formed": m0 * 1e10, "z": z,
                        "age": ages(1.0, birth, *cosmo)}, cosmo)


def test_n_body(bench, demo):
    path = shared("data/simulations/gadget_nbody.hdf5")
    x, v, m = columns([path], "PartType2", "Coordinates", "Velocities", "Masses")
    muse(bench, demo, 20)
    check(bench, path, {"pos": x, "vel": v, "now": m * 1e10, "formed": m * 1e10, "z": 0 * m + 0.024, "age": 0 * m + 5},
          snap.COSMO, StarAge=5, StarMetallicity=0.024, OmegaMatter=snap.COSMO[0], OmegaLambda=snap.COSMO[1],
          HubbleParam=snap.COSMO[2])
