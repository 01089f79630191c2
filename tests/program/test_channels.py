"""Channels that are not linear: what the files say of them is what the engine did, and every reader of ours and
of others finds them there."""
import sys
import warnings

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from harness import SOURCE, assert_close, galaxy, run, within
from oracle.noise import variance

LISTED = 5000.0 + np.cumsum(np.random.default_rng(4).uniform(0.7, 1.6, 80))
GRIDS = {"log": dict(lam=(5000.0, 5079.0, 9e-5), grid="log"),
         "list": dict(lam=(0.0, 0.0, 0.0), grid="list", listed=LISTED, medium="air"),
         "steps": dict(lam=(5000.0, 5079.0, 0.0), grid="steps", listed=(-9.0, 2e-3))}
NOISE = dict(area=5e5, throughput=(0.1, 4e-5), sky=(2e-17, 1e-21), dark=1e-3, read_noise=3.0, n_pixel=4.0,
             exposure=900.0, n_sky=40.0)


def setup(bench, grid, **more):
    inst = bench.instrument(8, 6, 0.5, **{**GRIDS[grid], **NOISE, **more})
    bench.ssp()
    bench.particles(galaxy(200, seed=5, radius=1.0))
    return inst


def both(bench):
    """a.fits and a.hdf5, with noise."""
    file = bench.parameters(Redshift=0.05, OutputFile="a.fits,a.hdf5", Noise="exposure")
    assert run("cubix", [file], cwd=bench.folder).status == 0


def spectral(hdus, name="DATA"):
    """What astropy makes of the third axis, in AA; it turns logarithms, but no tables, into m."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(hdus[name].header, fobj=hdus)
        n_l, n_y, n_x = hdus[name].data.shape
        place = np.column_stack([np.full(n_l, 3.0), np.full(n_l, 2.0), np.arange(n_l)])
        return wcs.all_pix2world(place, 0)[:, 2] * (1e10 if wcs.wcs.cunit[2] == "m" else 1.0)


@pytest.mark.parametrize("grid", GRIDS)
def test_world_coordinates_and_tables(bench, grid):
    inst = setup(bench, grid)
    want = inst.centres()
    assert len(want) > 60
    both(bench)
    with fits.open(bench.path("a.fits")) as hdus, h5py.File(bench.path("a.hdf5")) as h5:
        kind = ("AWAV" if inst.medium == "air" else "WAVE") + ("-LOG" if grid == "log" else "-TAB")
        for name in ("DATA", "DQ"):
            assert hdus[name].header["CTYPE3"] == kind == h5[name].attrs["CTYPE3"]
            assert within(spectral(hdus, name), want, rtol=1e-9)
        assert within(hdus["LSF"].data["WAVELENGTH"], want, rtol=1e-9)
        assert within(hdus["LSF"].data["WIDTH"], inst.widths(), rtol=1e-7)
        assert ("WCS-TABLE" in hdus) == ("WCS-TABLE" in h5) == (grid != "log")
        if grid != "log":
            assert within(h5["WCS-TABLE/wavelength"][()], want, rtol=1e-9)
        for name in ("a.fits", "a.hdf5"):
            assert within(cube_of_plot()(str(bench.path(name))).wave, want, rtol=1e-9)


def cube_of_plot():
    if str(SOURCE / "scripts") not in sys.path:
        sys.path.insert(0, str(SOURCE / "scripts"))
    from cubix_plot.cube import Cube
    return Cube


def test_world_coordinates_of_manga(bench):
    """Those of its LOGCUBE: steps of 1e-4 dex from 3621.596 AA (Law et al. 2016, AJ 152, 83); CD3_3 is the first
    wavelength times the step of the natural logarithm."""
    bench.particles(galaxy(50, seed=5, radius=1.0))
    bench.ssp(lo=3200.0, hi=4200.0)
    bench.instrument(8, 6, 0.5, lam=(3621.59598486, 3700.0, 1e-4), grid="log")
    header = bench.cube(Redshift=0.05)["header"]["DATA"]
    assert header["CTYPE3"] == "WAVE-LOG" and header["CRPIX3"] == 1
    assert within([header["CRVAL3"], header["CD3_3"]], [3621.59598486, 3621.59598486e-4 * np.log(10)], rtol=1e-12)


@pytest.mark.parametrize("grid", GRIDS)
def test_noise_by_the_width_of_each_channel(bench, grid):
    inst = setup(bench, grid)
    got = bench.cube(Redshift=0.05, Noise="exposure", ExposureTime=2000.0, KeepNoiseFree=True)
    assert_close(got["STAT"], variance(inst, got["NOISEFREE"], 2000.0, 1e-20), 5e-6)


def ratio(got, inst):
    """S/N per root AA in the four spaxels about the centre."""
    middle = np.s_[:, 2:4, 3:5]
    return got["NOISEFREE"][middle] / np.sqrt(np.maximum(got["STAT"][middle], 1e-30) * inst.widths()[:, None, None])


def test_signal_to_noise_is_per_root_angstrom(bench):
    """The median of S/N/sqrt(width) is what was asked for, on channels of twice the width of others."""
    inst = setup(bench, "list", listed=np.concatenate([5000.0 + np.arange(40.0), 5040.0 + 2.0 * np.arange(30)]))
    got = bench.cube(Redshift=0.05, Noise="snr", SignalToNoise=20.0, SnrAperture=0.6, KeepNoiseFree=True)
    assert within(np.median(ratio(got, inst)), 20.0, rtol=1e-4)


@pytest.mark.parametrize("grid", GRIDS)
def test_come_back_as_observed_cubes(bench, grid):
    setup(bench, grid)
    both(bench)
    data = fits.getdata(bench.path("a.fits"), "DATA").astype("f8")
    for name in ("a.fits", "a.hdf5"):
        got = observed(bench, name)
        assert np.array_equal(np.moveaxis(got, 2, 0), data)
    other = bench.path("b.fits")
    with fits.open(bench.path("a.fits")) as hdus:
        if grid == "log":
            hdus["DATA"].header["CRVAL3"] += 0.2
        else:
            hdus["WCS-TABLE"].data["wavelength"] += 0.2
        hdus.writeto(other)
    assert "channels apart" in observed(bench, other, status=3)
    if grid != "log":
        with fits.open(bench.path("a.fits")) as hdus:
            del hdus["WCS-TABLE"]
            hdus.writeto(bench.path("c.fits"))
        assert "no table WCS-TABLE" in observed(bench, "c.fits", status=3)


def observed(bench, path, status=0):
    out = bench.path("dump")
    done = run("dump_observed", [out, 0, -1, f"Instrument={bench.inst_file}", f"ObservedFile={path}", "Lsf=none"],
               cwd=bench.folder)
    assert done.status == status, done.err
    if status:
        assert done.err.count("\n") == 1
        return done.err
    n_y, n_x, n_l = map(int, done.out.split()[:3])
    return np.fromfile(out)[:n_y * n_x * n_l].reshape(n_y, n_x, n_l)


def test_gaps_are_empty_and_marked(bench):
    inst = setup(bench, "log", gaps=(5020.0, 5030.0, 5050.0, 5050.5))
    closed = ~inst.open()
    assert 8 < closed.sum() < 12
    got = bench.cube(Redshift=0.05, Noise="exposure", KeepNoiseFree=True)
    assert (got["DQ"][closed] & 16).all() and not (got["DQ"][~closed] & 16).any()
    for name in ("DATA", "STAT", "NOISEFREE"):
        assert not got[name][closed].any() and got[name][~closed].any(axis=(1, 2)).all()
    assert got["header"]["DQ"]["DQBIT16"].startswith("16: gap")
    asked = bench.cube(Redshift=0.05, Noise="snr", SignalToNoise=20.0, SnrAperture=0.6, KeepNoiseFree=True)
    assert within(np.median(ratio(asked, inst)[~closed]), 20.0, rtol=1e-4)


def test_any_number_of_ranks_and_engine(bench):
    setup(bench, "log")
    one = bench.cube(Redshift=0.05, Engine="histogram", Combine="histogram")["DATA"]
    for ranks in (2, 3):
        assert np.array_equal(bench.cube(Redshift=0.05, Engine="histogram", Combine="histogram", ranks=ranks)["DATA"], one)
    direct = bench.cube(Redshift=0.05, Engine="direct")["DATA"]
    assert_close(one, direct, 1e-4, np.abs(direct).max(axis=0))
