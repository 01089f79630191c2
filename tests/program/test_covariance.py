"""Covariance of spaxels rebuilt from fibres: matrices of the oracle, draws of the noise, and what surveys published."""
import h5py
import numpy as np
import pytest
from astropy.io import fits

from harness import assert_close, read_cube, refused, run, within
from oracle import fibres
from test_fibres import CORE, DRIZZLE, RINGS, SHEPARD, SIDE, lay, made, setup

EXPOSED = dict(Noise="exposure", ExposureTime=8100.0)
# name: bundle, and the channel grid, which holds SDSS's g and r where MaNGA's tables want them
LIKE = {"manga": dict(count=19, lam=(4676.0, 6196.0, 10.0)),
        "sami": dict(count=19, bundle="rings", core=1.6, pitch=RINGS, dither=("seven", 0.7), how=DRIZZLE)}


def matrix(rss, k, n_x, n_y, core=CORE, how=SHEPARD):
    """C = W diag(v) W^T of the oracle's W and the variances in the file of the spectra."""
    w = fibres.rebuild(lay(rss), core, n_x, n_y, SIDE, SIDE, how)
    ivar = rss["IVAR"].astype(float)[:, k]
    return w @ (np.where(ivar > 0, 1 / ivar, 0)[:, None] * w.T)


def correlation(c):
    root = np.sqrt(np.diag(c))
    return np.divide(c, np.outer(root, root), out=np.zeros_like(c), where=np.outer(root, root) > 0)


def dense(table, n_x, n_y, k=None):
    """A table's correlations by spaxel j n_x + i."""
    keep = np.ones(len(table), bool) if k is None else table["INDXK"] == k
    i = table["INDXI_C2"][keep] * n_x + table["INDXI_C1"][keep]
    j = table["INDXJ_C2"][keep] * n_x + table["INDXJ_C1"][keep]
    # in MaNGA's count, along columns first, the upper triangle, and each pair once
    assert (table["INDXI_C1"] * n_y + table["INDXI_C2"] <= table["INDXJ_C1"] * n_y + table["INDXJ_C2"]).all()
    assert len(set(zip(i, j))) == len(i)
    rho = np.zeros((n_x * n_y, n_x * n_y))
    rho[i, j] = rho[j, i] = table["RHOIJ"][keep]
    return rho


def test_tables_of_manga(bench):
    """A table for each of the bands that the cube has, at the nearest channel."""
    setup(bench, **LIKE["manga"])
    cube, rss = made(bench, Layout="manga", **EXPOSED)
    _, n_y, n_x = cube["FLUX"].shape
    with fits.open(bench.out) as hdus:
        assert [hdu.name for hdu in hdus if "CORREL" in hdu.name] == ["GCORREL", "RCORREL"]
        for name, k in (("GCORREL", 1), ("RCORREL", 149)):
            header = hdus[name].header
            assert header["BBINDEX"] == k and header["COVTYPE"] == "Correlation"
            assert within(header["BBWAVE"], cube["WAVE"][k], rtol=1e-12)
            assert header["COVSHAPE"] == f"({n_x * n_y}, {n_x * n_y})" and header["COVRWSHP"] == f"({n_x}, {n_y})"
            want = matrix(rss, k, n_x, n_y)
            assert_close(dense(hdus[name].data, n_x, n_y), correlation(want), 1e-6)
            inside = cube["IVAR"][k].ravel() > 0
            assert_close(1 / cube["IVAR"][k].ravel()[inside], np.diag(want)[inside], 1e-6)


def test_maps_of_sami(bench):
    """COVAR: covariance with the 5 x 5 neighbours over the variance, at the first two and the last two channels."""
    setup(bench, **LIKE["sami"])
    cube, rss = made(bench, Layout="sami", **EXPOSED)
    n_l, n_y, n_x = cube["PRIMARY"].shape
    with fits.open(bench.out) as hdus:
        covar, header = hdus["COVAR"].data, hdus["COVAR"].header
    assert covar.shape == (4, 5, 5, n_y, n_x) and header["COVARMOD"] == "optimal" and header["COVAR_N"] == 4
    assert [header[f"COVARLOC_{i}"] for i in (1, 2, 3, 4)] == [0, 1, n_l - 2, n_l - 1]
    for i, k in enumerate((0, 1, n_l - 2, n_l - 1)):
        c = np.pad(matrix(rss, k, n_x, n_y, 1.6, DRIZZLE).reshape(n_y, n_x, n_y, n_x), ((0, 0), (0, 0), (2, 2), (2, 2)))
        y, x = np.nonzero(np.isfinite(covar[i, 2, 2]))
        own = c[y, x, y + 2, x + 2]
        assert (own > 0).all() and len(y) == (np.einsum("ijij->ij", c[:, :, 2:-2, 2:-2]) > 0).sum() > 100
        for dy in range(5):
            for dx in range(5):
                assert_close(covar[i, dy, dx, y, x], c[y, x, y + dy, x + dx] / own, 1e-6, level=1)


FIXED = dict(Sampling="fibres", FibreSubsample=2, Redshift=0.05, FluxUnit=-17)


def test_channels_by_hand(bench):
    """Covariance as wavelengths: the table CORREL in any layout, and the same in HDF5."""
    setup(bench)
    one, two = bench.path("a.fits"), bench.path("a.hdf5")
    done = run("cubix", [bench.parameters(OutputFile=f"{one},{two}", Covariance="5003.2, 5010, 5009.9", **FIXED,
                                          **EXPOSED)], cwd=bench.folder)
    assert done.status == 0, done.err
    rss = read_cube(bench.path("a-rss.fits"))
    with fits.open(one) as hdus, h5py.File(two) as file:
        n_l, n_y, n_x = hdus["DATA"].shape
        table, header = hdus["CORREL"].data, hdus["CORREL"].header
        assert header["COVSHAPE"] == f"({n_x * n_y}, {n_x * n_y}, 2)" and set(table["INDXK"]) == {3, 10}
        for k in (3, 10):
            assert_close(dense(table, n_x, n_y, k), correlation(matrix(rss, k, n_x, n_y)), 1e-6)
        for name in table.names:
            assert np.array_equal(file["CORREL"][name][()], table[name])
        for key in ("COVSIGMA", "COVBETA", "COVLAM"):
            assert within(file["Provenance"][key][()], hdus[0].header[key], rtol=1e-13)


def test_weights_that_are_all_but_nothing(bench):
    """Of fibres many widths of the weights away the product of two is 0: each pair is there once all the same."""
    setup(bench)
    text = bench.inst_file.read_text()
    assert "sigma = ( 0.7," in text
    bench.inst_file.write_text(text.replace("sigma = ( 0.7,", "sigma = ( 0.05,"))
    _, rss = made(bench, Covariance="5010", **EXPOSED)
    with fits.open(bench.out) as hdus:
        _, n_y, n_x = hdus["DATA"].shape
        want = correlation(matrix(rss, 10, n_x, n_y, how=("shepard", 0.05, 1.6)))
        assert_close(dense(hdus["CORREL"].data, n_x, n_y), want, 1e-6)


@pytest.mark.parametrize("ranks", [1, 3])
def test_with_refraction(bench, ranks):
    """Each channel's own matrix, whoever holds it; SAMI's maps before and after each move of the cores."""
    setup(bench, lam=(4606.0, 6206.0, 40.0), bundle="rings", count=7, core=1.6, pitch=RINGS, dither=("seven", 0.7),
          how=DRIZZLE)
    bench.ssp(lo=4000.0, hi=6500.0, step=5.0)
    fixed = dict(Airmass=1.5, ParallacticAngle=35, Engine="histogram", Combine="histogram", **EXPOSED)
    for layout in ("manga", "sami"):
        cube, rss = made(bench, Layout=layout, ranks=ranks, **fixed)
        places = np.stack([rss["XPOS"], rss["YPOS"]], axis=-1)
        assert places.ndim == 3
        with fits.open(bench.out) as hdus:
            if layout == "manga":
                _, n_y, n_x = hdus["FLUX"].data.shape
                for name, k in (("GCORREL", 2), ("RCORREL", 39)):
                    assert hdus[name].header["BBINDEX"] == k
                    w = fibres.rebuild(places[:, k], 1.6, n_x, n_y, SIDE, SIDE, DRIZZLE)
                    w[hdus["IVAR"].data[k].ravel() == 0] = 0        # the rim is not covered in all channels
                    want = correlation(w / rss["IVAR"][:, k].astype(float) @ w.T)
                    assert_close(dense(hdus[name].data, n_x, n_y), want, 1e-6, level=1)
            else:
                moved = np.flatnonzero((places[:, 1:] != places[:, :-1]).any(axis=(0, 2)))
                n, header = places.shape[1], hdus["COVAR"].header
                want = sorted({0, 1, n - 2, n - 1, *moved, *(moved + 1)})
                assert [header[f"COVARLOC_{i + 1}"] for i in range(header["COVAR_N"])] == want and len(moved) > 3


def test_none_where_none_is_asked_for(bench):
    """Without noise, with Covariance none, and in layouts of surveys that have none."""
    setup(bench)
    for more, law in ((dict(Layout="manga"), False), (dict(Layout="manga", Covariance="none", **EXPOSED), False),
                      (dict(Layout="plain", **EXPOSED), True)):
        made(bench, **more)
        with fits.open(bench.out) as hdus:
            assert not [hdu.name for hdu in hdus if "CORREL" in hdu.name or hdu.name == "COVAR"]
            assert ("COVSIGMA" in hdus[0].header) == law


def test_what_is_refused(bench):
    setup(bench)
    refused(bench, 2, "Covariance = 5003, blue", "is no wavelength", Covariance="5003, blue", **FIXED, **EXPOSED)
    refused(bench, 2, "4000 AA is outside the cube", "4999.5 .. 5019.5", Covariance="4000", **FIXED, **EXPOSED)


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_make_no_difference(bench, ranks):
    setup(bench, **LIKE["manga"])
    fixed = dict(Layout="manga", Engine="histogram", Combine="histogram", **EXPOSED)
    found = []
    for n in (1, ranks):
        made(bench, ranks=n, **fixed)
        with fits.open(bench.out) as hdus:
            found.append([hdus[0].header[key] for key in ("COVSIGMA", "COVBETA", "COVLAM")] +
                         [hdus[name].data.tobytes() for name in ("GCORREL", "RCORREL")])
    assert found[0] == found[1]
