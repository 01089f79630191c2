"""What a run says of things that make a cube another than was meant, and of what only seems to be
wrong: stars beside the field whose light the PSF scatters in, galaxies that approach, stars older
than the universe, ages and metallicities beyond the library, masses of another IMF."""
import h5py
import numpy as np
import pytest

from harness import SOURCE, assert_close, galaxy, local_level, run, stars, wavelengths, write_eagle, write_tng
from oracle import cosmology
from oracle import cube as oracle

FIXED = dict(Centre=(0, 0, 0), SystemicVelocity="none")
KPC = {z: cosmology.scene(z, 0.3089, 0.6911, 0.6774)[1] for z in (0.05,)}                   # per arcsec


def said(bench, ranks=1, status=0, **parameters):
    done = run("cubix", [bench.parameters(**parameters)], ranks, cwd=bench.folder)
    assert done.status == status, done.err + done.out
    return done


def observe(bench, redshift, **kw):
    return oracle.observe(bench.file, bench.ssp_file, bench.inst, redshift, centre=np.zeros(3), velocity="none", **kw)


# ---- beside the field ----------------------------------------------------------------------------

@pytest.mark.parametrize("ranks, engine", [(1, "direct"), (1, "histogram"), (3, "auto")])
def test_star_beside_the_field(bench, ranks, engine):
    """All stars in the PSF's margin: their scattered light is in the cube, as it is in the field's
    edge with the PSF's wings; a fast one too."""
    bench.instrument(8, 6, 0.5, lam=(5000.0, 5029.0, 1.0), psf="moffat", psf_beta=2.5, psf_curve=(1.2,))
    bench.ssp("mixed", fwhm=1.0)
    bench.particles(stars((-2.4 * KPC[0.05], 0, 0, 0, 0, 900.0, 1e6, 1.0, 0.01),
                          (2.6 * KPC[0.05], 1.0, 0, 0, 0, -30.0, 2e6, 4.0, 0.02)))
    got = bench.cube(ranks=ranks, Redshift=0.05, Engine=engine, **FIXED)
    want = observe(bench, 0.05)
    head = got["header"]["PRIMARY"]
    assert got["NSTAR"].sum() == 0 and (head["N_FIELD"], head["N_MARGIN"], head["N_OUT"]) == (0, 2, 0)
    assert want.cube.sum() > 0
    assert_close(got["DATA"], want.cube, 2e-4, local_level(want.cube))
    done = said(bench, ranks, 2, Redshift=0.05, Psf="none", **FIXED)
    assert "none of the 2 stars falls into the field" in done.err and "PSF" in done.err and not bench.out.exists()


def test_wide_star_beside_the_field(bench):
    bench.instrument(8, 6, 0.5, lam=(5000.0, 5029.0, 1.0))
    bench.ssp("mixed", fwhm=1.0)
    bench.particles(stars((-3.0 * KPC[0.05], 0, 0, 0, 0, 0, 1e6, 1.0, 0.01)))
    got = bench.cube(Redshift=0.05, Deposit="gaussian", SmoothingLength=1.0, **FIXED)
    want = observe(bench, 0.05, deposit="gaussian", length=1.0)
    assert got["header"]["PRIMARY"]["N_SHED"] == got["header"]["PRIMARY"]["N_OUT"] == 1 and want.cube.sum() > 0
    assert_close(got["DATA"], want.cube, 1e-4, local_level(want.cube))
    said(bench, status=2, Redshift=0.05, Deposit="gaussian", SmoothingLength=0.05, **FIXED)


# ---- approaching galaxies ------------------------------------------------------------------------

@pytest.mark.parametrize("engine", ["direct", "histogram"])
@pytest.mark.parametrize("z", [-0.001, -0.01, 0.0])
def test_approaching(bench, z, engine):
    bench.instrument(8, 6, 20.0, lam=(5000.0, 5199.0, 1.0), medium="air", lsf_curve=(3.0,))
    bench.ssp("mixed", fwhm=1.0)
    bench.particles(galaxy(200, seed=3, radius=0.3))
    got = bench.cube(Redshift=z, Distance=0.78, Engine=engine, **FIXED)
    want = observe(bench, z, distance=0.78)
    assert_close(got["DATA"], want.cube, 2e-4, local_level(want.cube))
    head = got["header"]["PRIMARY"]
    assert head["REDSHIFT"] == z and head["DISTANCE"] == 0.78
    assert abs(head["KPCARC"] / (780 * np.pi / 648000 / (1 + z)**2) - 1) < 1e-12
    assert_close(got["VEL_M"], want.maps["VEL_M"], 1e-6, 300.0, gaps=True)


def test_approaching_needs_a_distance(bench):
    bench.instrument(8, 6, 0.5, lam=(5000.0, 5029.0, 1.0))
    bench.ssp("mixed")
    bench.particles(galaxy(50))
    for z in (-0.001, 0.0):
        assert f"Redshift = {z:g}" in (err := said(bench, status=2, Redshift=z,
                                                   **FIXED).err) and "Distance in Mpc" in err
    assert "must be -0.01..20" in said(bench, status=2, Redshift=-0.011, Distance=0.78, **FIXED).err


# ---- ages and redshifts --------------------------------------------------------------------------

def test_older_than_the_universe(bench):
    """At z = 8 the universe is 0.64 Gyr old."""
    bench.instrument(8, 6, 0.5, lam=(45000.0, 45029.0, 1.0))
    bench.ssp("uniform", lo=4500, hi=5500)
    row = (0, 0, 0, 0, 0, 0)
    bench.particles(stars((*row, 1e8, 12.0, 0.01), (*row, 1e8, 5.0, 0.01), (*row, 1e6, 0.5, 0.01)))
    age = cosmology.age(1 / 9, 0.3089, 0.6911, 0.6774)
    got = bench.cube(Redshift=8, **FIXED)
    assert "light comes from 2 stars older than the universe at Redshift = 8" in got["run"].err
    assert f"({age:.4g} Gyr)" in got["run"].err
    head = got["header"]["PRIMARY"]
    assert head["N_OLD"] == 2 and head["SNAPZ"] == 0 and head["SNAPMOVE"] is True
    assert any("older than the universe" in str(v) for k, v in head.items() if k.startswith("WARN"))
    # a trace of light: no warning
    bench.particles(stars((*row, 1e4, 12.0, 0.01), (*row, 1e8, 0.5, 0.01)))
    got = bench.cube(Redshift=8, **FIXED)
    assert "older" not in got["run"].err and got["header"]["PRIMARY"]["N_OLD"] == 1
    got = bench.cube(Redshift=8, Distance=1e5, OmegaMatter=0.3, OmegaLambda=0.7, HubbleParam=0.7, ranks=2, **FIXED)
    assert got["header"]["PRIMARY"]["N_OLD"] == 1


def test_another_redshift_than_the_snapshots(bench):
    bench.instrument(8, 6, 0.5, lam=(5000.0, 5029.0, 1.0))
    bench.ssp("mixed")
    bench.particles(galaxy(50), redshift=0.05)
    got = bench.cube(Redshift=0.05, **FIXED)
    assert "snapshot's redshift" not in got["run"].out and got["header"]["PRIMARY"]["SNAPMOVE"] is False
    got = bench.cube(Redshift=0.07, **FIXED)
    assert "the snapshot's redshift is 0.05" in got["run"].out
    assert "0.07" in got["run"].out
    assert got["header"]["PRIMARY"]["SNAPMOVE"] is True
    # it is legitimate: no warning
    assert "snapshot's" not in got["run"].err


# ---- the library ---------------------------------------------------------------------------------

@pytest.mark.parametrize("library, factor",
                         [("Salpeter 1955, 0.1-100 Msun", "too faint"),
                          ("unimodal, slope 1.30, 0.1-100 Msun (Salpeter)", "too faint"), ("Kroupa 2001", ""),
                          ("CHABRIER", ""), ("Chabrier 2003, with Salpeter's slope above 1 Msun", ""),
                          ("bimodal, slope 1.30", ""), ("bimodal, slope 2.30", ""), ("none", "")])
def test_mass_functions(bench, library, factor):
    bench.instrument(8, 6, 0.5, lam=(5000.0, 5029.0, 1.0))
    bench.ssp("mixed")
    with h5py.File(bench.ssp_file, "a") as f:
        f.attrs["IMF"] = library
    for write in (write_eagle, write_tng):
        bench.file = write(bench.path("sim.hdf5"), galaxy(50))
        got = bench.cube(Redshift=0.05, Centre="median")
        head = got["header"]["PRIMARY"]
        assert head["SIMIMF"] == "Chabrier 2003" and head["SSPIMF"] == library and head["IMFDIFF"] is bool(factor)
        assert ("initial mass function" in got["run"].err and factor in got["run"].err
                and library in got["run"].err) if factor else "mass function" not in got["run"].err
        assert ("is not known here" in got["run"].out) == (library in ("none", "bimodal, slope 2.30"))
    bench.particles(galaxy(50))
    # nobody knows with which these formed
    got = bench.cube(Redshift=0.05, Centre="median")
    assert got["header"]["PRIMARY"]["SIMIMF"] == "" and "mass function" not in got["run"].err


def test_mass_function_of_a_format(bench):
    bench.instrument(8, 6, 0.5, lam=(5000.0, 5029.0, 1.0))
    bench.ssp("mixed")
    with h5py.File(bench.ssp_file, "a") as f:
        f.attrs["IMF"] = "Kroupa"
    bench.particles(galaxy(50))
    text = (SOURCE / "parameterfiles/formats/canonical.cfg").read_text()
    own = bench.path("own.cfg")
    own.write_text(text + 'imf = "Salpeter";\n')
    assert "too bright by a factor of about 1.6" in said(bench, Redshift=0.05, Centre="median",
                                                         SimulationFormat=own).err
    own.write_text(text + "imf = 1.3;\n")
    assert "'imf' must be a text" in said(bench, status=2, Redshift=0.05, SimulationFormat=own).err


@pytest.mark.parametrize("part", [0.004, 0.02])
@pytest.mark.parametrize("what", ["ages", "metallicities"])
def test_beyond_the_library(bench, what, part):
    """A part of the light of stars beyond the last node, which shine as the node does: told from 1 % on."""
    bench.instrument(8, 6, 0.5, lam=(5000.0, 5029.0, 1.0))
    bench.ssp("mixed", luminosity=np.full((5, 6, len(wavelengths("mixed"))), 1e30))
    age, z = (13.5, 0.01) if what == "ages" else (3.0, 0.06)
    bench.particles(stars((0, 0, 0, 0, 0, 0, 1e8 * (1 - part), 3.0, 0.01), (0, 0, 0, 0, 0, 0, 1e8 * part, age, z)),
                    redshift=0.0)
    got = bench.cube(Redshift=0.002, Distance=10.0, **FIXED)
    words = f"light comes from 1 stars beyond the library's {what}"
    assert (f"{100 * part:.3g} % of the {words}" in got["run"].err) == (part > 0.01)
    assert got["header"]["PRIMARY"]["N_CLAMPA" if what == "ages" else "N_CLAMPZ"] == 1
    assert ("(0..13 Gyr)" if what == "ages" else "(0.0001..0.04)") in got["run"].err or part < 0.01
