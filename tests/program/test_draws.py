"""Realisations of the noise in one call: of spaxels, and of cubes rebuilt from fibres, against their covariance."""
import json
import sys

import numpy as np
import pytest

from harness import SOURCE, galaxy, read_cube, run, within
from oracle import fibres
from test_covariance import EXPOSED, FIXED, correlation, matrix
from test_fibres import CORE, SHEPARD, SIDE, made, setup
from test_python import LIBRARY, python

N = 500


def draws(bench, body, ranks=1, **more):
    """Run lines of Python with the chain c of these parameters, run forward once."""
    bench.path("case.json").write_text(json.dumps({"simulation": None}))
    np.savez(bench.path("stars.npz"))
    python(bench, f"""
with cubix.Chain({str(bench.parameters(**more))!r}) as c:
    clean = c.forward()
{body}""", ranks=ranks)


def test_number_0_is_that_of_files(bench):
    """In any channels and in their sum; others differ, and a number's noise does not depend on how many are drawn."""
    setup(bench)
    cube, _ = made(bench, **EXPOSED)
    draws(bench, """
    all = c.draws(3, first=0)
    some = c.draws(2, [7, 3, 4, 19])
    total = c.draws(3, [7, 3, 4, 19], first=0, sum=True)
    raises("channel 20", c.draws, 1, [20])
    raises("ask for one at least", c.draws, 0)
    raises("ask for one at least", c.draws, 1, [])
    raises("whole numbers", c.draws, 1, [7.6])
    raises("whole numbers", c.draws, 1, np.arange(20) > 16)
    raises("whole numbers", c.draws, 1, 7)
    np.savez("draws.npz", all=all, some=some, total=total)
""", **FIXED, **EXPOSED)
    got = np.load(bench.path("draws.npz"))
    assert np.array_equal(np.moveaxis(got["all"][0], -1, 0), cube["DATA"].astype("f4"))
    assert np.array_equal(got["all"][1:][..., [7, 3, 4, 19]], got["some"])
    assert within(got["total"], got["all"][..., [7, 3, 4, 19]].sum(axis=-1, dtype=float), rtol=0,
                  atol=1e-6 * np.abs(got["total"]).max())
    assert not (got["all"][0] == got["all"][1])[cube["STAT"][0] > 0].any()


def test_nothing_without_noise(bench):
    setup(bench)
    draws(bench, """
    raises("Noise = none", c.draws, 1)
""", **FIXED)


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_make_no_difference(bench, ranks):
    setup(bench)
    for n in (1, ranks):
        draws(bench, f"""
    some, total = c.draws(2, [0, 19, 5, 6, 7, 12]), c.draws(2, sum=True)
    if cubix.rank() == 0:
        np.savez("draws{n}.npz", some=some, total=total)
    else:
        assert some is None and total is None
""", ranks=n, Engine="histogram", Combine="histogram", **FIXED, **EXPOSED)
    one, many = (np.load(bench.path(f"draws{n}.npz")) for n in (1, ranks))
    assert all(np.array_equal(one[name], many[name]) for name in ("some", "total"))


def test_draws_have_the_covariance(bench):
    """500 draws of one channel: variances and neighbours' correlations within what 500 draws scatter."""
    setup(bench, count=37)
    cube, rss = made(bench, **EXPOSED)
    draws(bench, f"""
    np.save("draws.npy", c.draws({N}, [9])[..., 0].astype(float) - clean[..., 9])
""", **FIXED, **EXPOSED)
    x = np.load(bench.path("draws.npy"))
    _, n_y, n_x = x.shape
    exact = matrix(rss, 9, n_x, n_y)
    inside = np.flatnonzero(np.diag(exact) > 0)
    own = np.diag(exact)[inside]
    assert within(cube["STAT"][9].ravel()[inside], own, rtol=1e-5)
    z = x.reshape(N, -1)[:, inside] / np.sqrt(own)
    assert np.abs(z.mean(axis=0)).max() < 5 / np.sqrt(N)
    assert np.abs((z**2).mean(axis=0) - 1).max() < 5 * np.sqrt(2 / N)
    rho, c = z.T @ z / N, correlation(exact)[np.ix_(inside, inside)]
    scatter = np.sqrt((1 + c**2) / N)
    assert np.abs((rho - c) / scatter).max() < 6                    # some 4e5 of them
    assert abs(((rho - c) / scatter)[np.triu_indices(len(own), 1)].std() - 1) < 0.25
    # that of a bin of all of them is far beyond what independent spaxels would have
    whole = x.reshape(N, -1)[:, inside].sum(axis=1).var()
    assert within(whole, exact[np.ix_(inside, inside)].sum(), rtol=5 * np.sqrt(2 / N)) and whole > 10 * own.sum()


def test_spaxels_are_independent(bench):
    """Without fibres: variance STAT, and no correlation."""
    setup(bench)
    fixed = dict(Sampling="spaxels", Redshift=0.05, FluxUnit=-17, **EXPOSED)
    cube = bench.cube(**fixed)
    draws(bench, f"""
    np.save("draws.npy", c.draws({N}, [4])[..., 0].astype(float) - clean[..., 4])
""", **fixed)
    z = np.load(bench.path("draws.npy")) / np.sqrt(cube["STAT"][4])
    assert np.abs((z**2).mean(axis=0) - 1).max() < 6 * np.sqrt(2 / N)
    assert abs((z[:, :, 1:] * z[:, :, :-1]).mean()) < 5 / np.sqrt(z[:, :, 1:].size)


@pytest.mark.parametrize("name, count", [("N127", 127), ("N91", 91)])
def test_manga_has_the_published_correlation(bench, name, count):
    """exp(-D^2/2 1.92^2) within 0.04 at every distance, a width within 3 % (Westfall et al. 2019, AJ 158, 231), and
    1 + 1.62 log10 N for the noise of squares (Law et al. 2016, AJ 152, 83) within 5 %."""
    bench.instrument()
    bench.inst.lsf_fwhm = 1                                 # MaNGA has an LSF
    bench.ssp()
    bench.particles(galaxy(300, seed=3, radius=2.0))
    bench.cube(Instrument="MaNGA-" + name, Sampling="fibres", LambdaMin=5000, LambdaMax=5003, Redshift=0.05,
               Layout="plain", Noise="exposure", ExposureTime=8100)
    header = read_cube(bench.out)["header"]["PRIMARY"]
    assert within(header["COVSIGMA"], 1.92, rtol=0.03) and within(header["COVBETA"], 1.62, rtol=0.05)
    at = np.concatenate([fibres.hexagon(count, 2.48) + shift for shift in fibres.dithers("three", 1.4318)])
    n = 72
    w = fibres.rebuild(at, CORE, n, n, SIDE, SIDE, SHEPARD)
    c = w @ w.T                                             # even noise
    inside = np.flatnonzero(np.diag(c) > 0)
    rho, (y, x) = correlation(c)[np.ix_(inside, inside)], np.divmod(inside, n)
    d2 = (x[:, None] - x)**2 + (y[:, None] - y)**2
    for each in (1, 2, 4, 5, 8, 9, 16, 25, 36):
        assert abs(rho[d2 == each].mean() - np.exp(-each / 2 / 1.92**2)) < 0.04, each


def test_table_of_the_page(bench):
    """The script that makes the table of doc/fibres.md: draws and matrix agree, as far as few draws can."""
    bench.instrument()
    bench.inst.lsf_fwhm = 1                                 # MaNGA has an LSF
    bench.ssp()
    bench.particles(galaxy(300, seed=3, radius=2.0))
    done = run(sys.executable, [SOURCE / "examples/covariance/covariance.py", bench.parameters(Redshift=0.05), "--draws",
                                "400", "--instruments", "MaNGA-N19"], cwd=bench.folder,
               env={"CUBIX_LIBRARY": str(LIBRARY), "PYTHONPATH": str(SOURCE / "python"), "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.status == 0, done.err
    draws, exact = ([cell.strip() for cell in line.split("|")[3:-1]] for line in done.out.splitlines()
                    if "draws" in line or "exact" in line)
    for one, other in zip(draws[:-2], exact[:-2]):
        assert one == other == "" or within(float(one), float(other), rtol=0.1, atol=0.05), (one, other)
    assert within(float(exact[-2]), 1.92, rtol=0.1) and within(float(exact[-1]), 1.62, rtol=0.1)
