"""Observed cubes: ours in both formats and those in the format of MUSE come in as they are; what
does not fit is refused with one clear message."""
import h5py
import numpy as np
import pytest
from astropy.io import fits

from harness import dump_observed, galaxy, run, within

LAM = (5000.0, 5079.0, 1.0)
N_X, N_Y, N_L = 8, 6, 80
MUSE_UNIT = "10**(-20)*erg/s/cm**2/Angstrom"


def read(bench, path, first=0, n=-1, status=0, **parameters):
    """data, weight [channel][y][x] and gain as the reader hands them on; where it fails, its message."""
    out = bench.path("dump")
    parameters = {"Instrument": bench.inst_file, "ObservedFile": path, "Lsf": "none", **parameters}
    done = dump_observed(bench.folder, out, first, n, status, parameters)
    if status:
        return done
    (n_y, n_x, n_l, has_variance, n_used), x = done
    size = n_y * n_x * n_l
    data, weight = (np.moveaxis(a.reshape(n_y, n_x, n_l), 2, 0) for a in (x[:size], x[size:2 * size]))
    assert n_used == (weight > 0).sum()
    return data, weight, x[2 * size:], bool(has_variance)


def muse(path, unit=MUSE_UNIT, stat_unit=f"({MUSE_UNIT})**2", scale=1.0, wcs=None, seed=3, planes=("DATA", "STAT"),
         shape=(N_L, N_Y, N_X), kind="f4", drop=()):
    """A cube as the MUSE pipeline writes it; returns flux and variance in 1e-20 erg/s/cm2/AA."""
    rng = np.random.default_rng(seed)
    flux, variance = rng.normal(50, 20, shape).astype("f4"), rng.uniform(10, 90, shape).astype("f4")
    keys = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "CRPIX1": 4.0, "CRPIX2": 3.0,
            "CRVAL1": 12.0, "CRVAL2": -30.0,
            "CD1_1": -0.5 / 3600, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.5 / 3600, "CTYPE3": "AWAV",
            "CUNIT3": "Angstrom", "CRVAL3": 5000.0, "CRPIX3": 1.0, "CD3_3": 1.0}
    keys.update(wcs or {})
    hdus = [fits.PrimaryHDU()]
    for name in planes:
        value = {"DATA": flux.astype(float) / scale, "STAT": variance.astype(float) / scale**2,
                 "DQ": np.zeros(shape)}[name]
        hdu = fits.ImageHDU(value.astype("i4" if name == "DQ" else kind), name=name)
        for key, x in keys.items():
            if key not in drop:
                hdu.header[key] = x
        if name != "DQ":
            for_it = unit if name == "DATA" else stat_unit
            if for_it is not None:
                hdu.header["BUNIT"] = for_it
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return flux.astype(float), variance.astype(float)


def edit(path, change):
    with fits.open(path, mode="update") as hdus:
        change(hdus)


@pytest.fixture
def ready(bench):
    bench.instrument(N_X, N_Y, 0.5, lam=LAM, medium="air")
    return bench


# ---- ours ----------------------------------------------------------------------------------------

def test_our_cubes_come_back_to_the_last_bit(bench):
    bench.instrument(N_X, N_Y, 0.5, lam=LAM, area=5e5, throughput=(0.3,), sky=(2e-17,), dark=1e-3, read_noise=3.0,
                     n_pixel=4.0, exposure=900.0, n_sky=40.0, aperture="circle")
    bench.ssp()
    bench.particles(galaxy(200, seed=5, radius=1.0))
    parameters = bench.parameters(Redshift=0.05, Noise="exposure", MinStars=3, Roll=20.0, OutputFile="a.fits,a.hdf5",
                                  TruthMaps=False)
    assert run("cubix", [parameters], cwd=bench.folder).status == 0
    with fits.open(bench.path("a.fits")) as hdus:
        data, stat, dq = (hdus[name].data.astype("f8" if name != "DQ" else "i8") for name in ("DATA", "STAT", "DQ"))
    good = (dq & ~12) == 0
    assert good.any() and (dq & 1).any() and (dq & 8).any() and (good & (dq & 8 > 0)).any()
    for name in ("a.fits", "a.hdf5"):
        got, weight, gain, has_variance = read(bench, name)
        assert has_variance and np.array_equal(got, np.where(good, data, 0))
        assert np.array_equal(weight > 0, good) and np.array_equal(weight[good], (1 / stat[good]).astype("f4"))
        want = np.where(good, data, 0).sum((1, 2)) / np.where(good, stat, 0).sum((1, 2))
        assert within(gain, np.maximum(want, 0), rtol=1e-6)
        part, part_weight, _, _ = read(bench, name, 17, 30)
        assert np.array_equal(part, got[17:47]) and np.array_equal(part_weight, weight[17:47])
        assert read(bench, name, 80, 0)[0].size == 0
        tens, weight_tens, _, _ = read(bench, name, FluxUnit=-18)
        assert within(tens, 0.01 * got, rtol=1e-6) and within(weight_tens, 1e4 * weight, rtol=1e-6)


def test_noise_free_cubes_have_no_variance(bench):
    bench.instrument(N_X, N_Y, 0.5, lam=LAM)
    bench.ssp()
    bench.particles(galaxy(200, seed=5, radius=1.0))
    assert run("cubix", [bench.parameters(Redshift=0.05, OutputFile="a.fits,a.hdf5", TruthMaps=False)],
               cwd=bench.folder).status == 0
    data = fits.getdata(bench.path("a.fits"), "DATA").astype(float)
    for name in ("a.fits", "a.hdf5"):
        message = read(bench, name, status=3)
        assert name in message and "no variance" in message and "Noise snr" in message
        for likelihood in ("cosine", "poisson"):
            got, weight, gain, has_variance = read(bench, name, Likelihood=likelihood)
            assert not has_variance and np.array_equal(got, data) and (weight == 1).all() and (gain == 1).all()


# ---- others' -------------------------------------------------------------------------------------

def test_muse_with_nan_and_bad_variances(ready):
    flux, variance = muse(ready.path("m.fits"))
    flux[3, 2, 1] = np.nan
    flux[:, 0, 7] = np.nan
    variance[4, 1, 1], variance[5, 1, 1], variance[6, 1, 1], variance[7, 1, 1] = 0, -2, np.nan, np.inf

    def spoil(hdus):
        hdus["DATA"].data[:] = flux
        hdus["STAT"].data[:] = variance
    edit(ready.path("m.fits"), spoil)
    good = np.isfinite(flux) & (variance > 0) & np.isfinite(variance)
    got, weight, _, _ = read(ready, "m.fits")
    assert np.array_equal(weight > 0, good) and good.sum() == good.size - 5 - N_L
    assert np.array_equal(got, np.where(good, flux, 0)) and np.array_equal(weight[good],
                                                                           (1 / variance[good]).astype("f4"))


def test_any_other_quality_masks(ready):
    """Bit 8 means something else in others' files."""
    flux, _ = muse(ready.path("m.fits"), planes=("DATA", "STAT", "DQ"))

    def flag(hdus, ours=False):
        for i, bits in enumerate((1, 2, 4, 8, 12, 16, 6)):
            hdus["DQ"].data[10, 2, i] = bits
        if ours:
            hdus["DQ"].header["DQBIT8"] = "8: fewer than MinStars stars"
    edit(ready.path("m.fits"), flag)
    assert not read(ready, "m.fits")[1][10, 2, :7].any() and read(ready,
                                                                  "m.fits")[1].astype(bool).sum() == flux.size - 7
    edit(ready.path("m.fits"), lambda hdus: flag(hdus, True))
    assert (read(ready, "m.fits")[1][10, 2, :7] > 0).tolist() == [False, False, False, True, False, False, False]


def test_quality_that_is_no_whole_number_masks(ready):
    flux, _ = muse(ready.path("m.fits"), planes=("DATA", "STAT", "DQ"))

    def flag(hdus):
        dq = hdus["DQ"].data.astype("f4")
        for i, value in enumerate((0.25, -0.5, np.nan, 1e30, -4.0)):
            dq[10, 2, i] = value
        hdus["DQ"].data = dq
    edit(ready.path("m.fits"), flag)
    weight = read(ready, "m.fits")[1]
    assert not weight[10, 2, :5].any() and (weight > 0).sum() == flux.size - 5


@pytest.mark.parametrize("unit, stat_unit, scale", [
    ("1e-20 erg/s/cm^2/Angstrom", None, 1.0), ("1e-20 erg / (Angstrom s cm2)", "1e-40 erg2 / (Angstrom2 s2 cm4)", 1.0),
    ("10**-20 erg s-1 cm-2 Angstrom-1", "10^(-40) erg^2/s^2/cm^4/Angstrom^2", 1.0),
                                                    ("1E-17 erg/s/cm^2/Ang/spaxel", None, 1e3),
                                                    ("erg.s**-1.cm**-2.AA**-1", None, 1e20),
    ("10**(-16)*erg/s/cm**2/AA", "(10**(-16)*erg/s/cm**2/AA)**2", 1e4), ("W m-2 um-1", None, 1e21),
                                                    ("2.5e-20 ergs/s/cm2/A", None, 2.5),
                                                    ("1e-19 erg/s/cm2/nm", None, 1.0)])
def test_units(ready, unit, stat_unit, scale):
    """1 W/m2/um = 1e7 erg/s / 1e4 cm2 / 1e4 AA = 0.1 erg/s/cm2/AA, 1 per nm = 0.1 per AA."""
    flux, variance = muse(ready.path("m.fits"), unit, stat_unit, scale if "W" not in unit else 1e19, kind="f8")
    got, weight, _, _ = read(ready, "m.fits")
    assert within(got, flux, rtol=2e-7) and within(weight, 1 / variance, rtol=3e-7)


@pytest.mark.parametrize("wcs, drop", [
    ({"CDELT3": 1.0}, ["CD3_3"]), ({"CDELT3": 0.5, "PC3_3": 2.0}, ["CD3_3"]),
                                       ({"CUNIT3": "nm", "CRVAL3": 500.0, "CD3_3": 0.1}, []),
    ({"CUNIT3": "m", "CRVAL3": 5e-7, "CD3_3": 1e-10}, []), ({"CRPIX3": 11.0, "CRVAL3": 5010.0}, []),
                                       ({"CRVAL3": 5000.04}, []),
    ({"CTYPE3": "WAVE", "CRVAL3": 5001.394, "CD3_3": 1.00028}, []),
                                       ({"CDELT1": -0.5 / 3600, "CDELT2": 0.5 / 3600},
                                        ["CD1_1", "CD1_2", "CD2_1", "CD2_2"]),
    ({"CDELT1": 0.5 / 3600, "CDELT2": 0.5 / 3600, "PC1_1": -1.0}, ["CD1_1", "CD1_2", "CD2_1", "CD2_2"]),
                                       ({}, ["CD1_1", "CD1_2", "CD2_1", "CD2_2"]),
    ({"CD1_1": 0.0, "CD2_2": 0.0, "CD1_2": -0.5 / 3600, "CD2_1": -0.5 / 3600}, [])])
def test_axes_in_other_words(ready, wcs, drop):
    flux, _ = muse(ready.path("m.fits"), wcs=wcs, drop=drop)
    assert np.array_equal(read(ready, "m.fits")[0], flux)


def test_compressed_and_integers(ready):
    flux, _ = muse(ready.path("m.fits"))
    with fits.open(ready.path("m.fits")) as hdus:
        hdus.writeto(ready.path("m.fits.gz"))
        tiles = [fits.CompImageHDU(hdu.data, hdu.header, compression_type="GZIP_2", quantize_level=0)
                 for hdu in hdus[1:]]
        fits.HDUList([hdus[0], *tiles]).writeto(ready.path("m.fits.fz"))
        whole = fits.ImageHDU(np.round(hdus["DATA"].data * 10).astype("i2"), hdus["DATA"].header, "DATA")
        whole.data[1, 2, 3] = -32768
        whole.header["BLANK"] = -32768
        whole.header["BSCALE"] = 0.1
        fits.HDUList([hdus[0], whole, hdus["STAT"]]).writeto(ready.path("i.fits"))
    assert np.array_equal(read(ready, "m.fits.gz")[0], flux) and np.array_equal(read(ready, "m.fits.fz", 7, 3)[0],
                                                                                flux[7:10])
    got, weight, _, _ = read(ready, "i.fits")
    assert weight[1, 2, 3] == 0 and (weight > 0).sum() == weight.size - 1
    assert np.abs(np.where(weight > 0, got - flux, 0)).max() < 0.0501


def test_the_aperture_masks(bench):
    bench.instrument(N_X, N_X, 0.5, lam=LAM, medium="air", aperture="circle")
    muse(bench.path("m.fits"), shape=(N_L, N_X, N_X))
    inside = np.broadcast_to(bench.inst.inside(), (N_L, N_X, N_X))
    assert not inside.all() and np.array_equal(read(bench, "m.fits")[1] > 0, inside)


# ---- refusals ------------------------------------------------------------------------------------

@pytest.mark.parametrize("make, says", [
    (dict(planes=("STAT",)), ["no extension", "DATA"]), (dict(planes=("DATA",)), ["no variance", "STAT", "Noise snr"]),
    (dict(shape=(N_L, N_Y, N_X + 1)), ["DATA has 9 x 6 spaxels", "8 x 6", "FieldOfView"]),
                                        (dict(shape=(N_L - 1, N_Y, N_X)), ["79 channels", "80", "LambdaMin"]),
    (dict(shape=(N_Y, N_X)), ["2 axes", "3"]), (dict(unit="counts"), ["DATA has BUNIT = 'counts'", MUSE_UNIT]),
                                        (dict(unit=None), ["DATA has BUNIT = ''"]),
    (dict(unit="Jy"), ["'Jy'"]), (dict(unit="erg/s/cm2"), ["'erg/s/cm2'"]),
                                        (dict(unit="erg/s/cm2/Angstrom)"), ["Angstrom)'"]),
                                        (dict(unit="erg/s/(cm2/Angstrom"), ["BUNIT"]),
    (dict(stat_unit=MUSE_UNIT), ["STAT has BUNIT", "variance"]),
                                        (dict(wcs={"CTYPE3": "VELO-F2V"}), ["CTYPE3 = 'VELO-F2V'", "AWAV"]),
                                        (dict(wcs={"CTYPE3": "AWAV-TAB"}), ["PS3_0 and PS3_1"]),
    (dict(wcs={"CUNIT3": "Hz"}), ["CUNIT3 = 'Hz'", "Angstrom"]), (dict(drop=["CUNIT3"]), ["CUNIT3 = ''"]),
                                        (dict(drop=["CD3_3"]), ["CRVAL3, and CD3_3 or CDELT3"]),
    (dict(wcs={"CRVAL3": 5000.06}), ["channel 1 ", "0.06 channels", "at most 0.05", "LambdaMin"]),
                                        (dict(wcs={"CD3_3": 1.001}), ["channel 80 ", "0.079 channels"]),
    (dict(wcs={"CTYPE3": "WAVE"}), ["in air", "channels apart"]),
                                        (dict(wcs={"CD1_1": 0.5 / 3600}), ["mirror", "CD matrix"]),
    (dict(wcs={"CD1_1": -0.2 / 3600, "CD2_2": 0.2 / 3600}), ["0.2 x 0.2 arcsec", "0.5 x 0.5", "PixelScale"]),
    (dict(unit="10**(-70)*erg/s/cm**2/Angstrom", stat_unit=None), ["4", "float32", "FluxUnit"])])
def test_refusals(ready, make, says):
    muse(ready.path("m.fits"), **make)
    message = read(ready, "m.fits", status=3)
    assert "m.fits" in message and all(word in message for word in says), message


def test_no_file_and_no_cube(ready):
    assert "ObservedFile is not given" in read(ready, "", status=2)
    assert "cannot open no.fits" in read(ready, "no.fits", status=3)
    assert "is a folder" in read(ready, ready.folder, status=3)
    ready.path("text.fits").write_text("not a cube\n" * 500)
    assert "text.fits cannot be read" in read(ready, "text.fits", status=3)
    muse(ready.path("m.fits"))
    ready.path("cut.fits").write_bytes(ready.path("m.fits").read_bytes()[:2880 * 6])
    assert "cut.fits" in read(ready, "cut.fits", status=3)
    with h5py.File(ready.path("a.hdf5"), "w") as f:
        f["STAT"] = np.ones((N_L, N_Y, N_X))
    assert "DATA" in read(ready, "a.hdf5", status=3)
    with h5py.File(ready.path("a.hdf5"), "a") as f:
        f.create_group("DATA")
    assert "/DATA is not a dataset" in read(ready, "a.hdf5", status=3)
