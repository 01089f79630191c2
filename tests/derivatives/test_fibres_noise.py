"""SpaxelNoise fibres: chi2 of a rebuilt cube with the covariance of its fibres' noise, against dense matrices."""
import math

import numpy as np
import pytest
from astropy.io import fits

from harness import read_cube, within
from oracle import fibres
from test_fibres_chain import DRIZZLE, SHEPARD, VIEW, derive, rows, setup

CORE, SIDE = 1.0, 0.4
SNR = dict(Noise="snr", SignalToNoise=15.0)
HOW = {SHEPARD: ("shepard", 0.4, 0.9), DRIZZLE: ("drizzle", 0.8)}


def told(bench, name="out-gradient.txt"):
    lines = bench.path(name).read_text().splitlines()
    return {line.split()[1]: float(line.split()[2]) for line in lines
            if line.startswith("# ") and len(line.split()) == 3}


def matrices(cube, rss, rebuild):
    """W, and the noise-free spectra of a run as [spectrum][channel]."""
    n_l, n_y, n_x = cube["DATA"].shape
    at = np.column_stack([rss["XPOS"], rss["YPOS"]])
    return fibres.rebuild(at, CORE, n_x, n_y, SIDE, SIDE, HOW[rebuild])


def dense(data, weight, w, variance, spectra):
    """chi2 of one channel on the range of W, by the pseudo-inverse and with the ridge; the derivative of the latter by
    the spectra; the rank."""
    keep = weight > 0
    w = w[keep]
    sigma = w @ np.diag(variance) @ w.T
    scale = 1 / np.sqrt(np.diag(sigma))
    sigma *= scale[:, None] * scale
    off = (data[keep] - w @ spectra) * scale
    solved = np.linalg.solve(sigma + 1e-8 * np.eye(len(sigma)), off)
    pinv = off @ np.linalg.pinv(sigma, rcond=1e-9, hermitian=True) @ off
    return pinv, off @ solved, -2 * w.T @ (scale * solved), np.linalg.matrix_rank(sigma, tol=1e-9)


def edit(path, to, change):
    with fits.open(path) as hdus:
        change(hdus)
        hdus.writeto(to, overwrite=True)


CUT = dict(FieldOfView="1.6 1.6")
# parameters, what is masked, whether spectra lie beside the cube, whether it tells all of them
CASES = {"shepard": (SHEPARD, {}, None, True, True), "alone": (SHEPARD, {}, None, False, True),
         "drizzle": (DRIZZLE, {}, None, False, True),
         "masked": (SHEPARD, {}, lambda dq: dq.__setitem__((slice(None), slice(5, 9), slice(3, 8)), 4), False, True),
         "holes": (SHEPARD, {}, lambda dq: dq.__setitem__(np.random.default_rng(3).random(dq.shape) < 0.1, 4), False, True),
         "few": (SHEPARD, {}, lambda dq: dq.__setitem__(np.random.default_rng(3).random(dq.shape) < 0.85, 4), True, False),
         "cut": (SHEPARD, CUT, None, True, False)}


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient_are_those_of_dense_matrices(bench, case):
    rebuild, more, mask, beside, whole = CASES[case]
    setup(bench, rebuild, lam=(5000.0, 5019.0, 1.0))
    bench.cube("cubix64", **VIEW, **SNR, **more, OutputFile=bench.path("seen.fits"))
    if mask:
        edit(bench.path("seen.fits"), bench.path("seen.fits"), lambda hdus: mask(hdus["DQ"].data))
    rss = read_cube(bench.path("seen-rss.fits"))
    if not beside:
        bench.path("seen-rss.fits").unlink()
    changed = dict(PsfFwhm=0.95, PointingX=0.03, **more)
    derive(bench, "gradient", program="cubix64", SpaxelNoise="fibres", Parameters="FluxScale,PointingX,PsfFwhm",
           Engine="direct", **changed)
    bar = {name: numbers[1] for name, numbers in rows(bench.path("out-gradient.txt")).items()}
    value, told_rank = told(bench)["objective"], told(bench)["voxels"]
    seen = read_cube(bench.path("seen.fits"))
    model = read_cube(bench.path("out-rss.fits"))["FLUX"].astype(float)
    w = matrices(seen, rss, rebuild)
    pinv, chi2, rank, slope = 0.0, 0.0, 0, np.zeros(model.shape)
    for k in range(len(seen["DATA"])):
        weight = np.where(seen["DQ"][k] == 0, 1 / np.where(seen["STAT"][k] > 0, seen["STAT"][k], np.inf), 0).ravel()
        data = seen["DATA"][k].ravel().astype(float)
        one, two, slope[:, k], n = dense(data, weight, w, 1 / rss["IVAR"][:, k], model[:, k])
        pinv, chi2, rank = pinv + one, chi2 + two, rank + n
    assert within(value, chi2, rtol=1e-5) and within(value, pinv, rtol=1e-4)
    assert abs(told_rank - rank) < 0.5 + 4 * math.sqrt(2 * (model.size - rank)), (told_rank, rank, model.size)
    assert (rank == model.size) == whole
    assert within(bar["FluxScale"], (slope * model).sum(), rtol=1e-5, atol=1e-5 * np.abs(slope * model).sum())
    for name in ("PointingX", "PsfFwhm"):                    # that of the spectra, times differences of these
        step, parts = 2e-3, []
        for sign in (1, -1):
            bench.cube("cubix64", **{**VIEW, **changed, name: changed[name] + sign * step}, OutputFile=bench.path("moved.fits"))
            parts.append(read_cube(bench.path("moved-rss.fits"))["FLUX"].astype(float))
        change = slope * (parts[0] - parts[1]) / (2 * step)
        assert within(bar[name], change.sum(), rtol=1e-4, atol=1e-5 * np.abs(change).sum()), name


def test_a_whole_cube_tells_what_its_spectra_tell(bench):
    """Where W has its full rank: the same objective, gradients, values and errors."""
    setup(bench)
    bench.cube(**VIEW, **SNR, OutputFile=bench.path("seen.fits"))
    names = dict(Parameters="PointingX,PsfFwhm,FluxScale", PointingX=0.1, PsfFwhm=1.0)
    found = []
    for file in ("seen.fits", "seen-rss.fits"):
        done = derive(bench, "fit", SpaxelNoise="fibres", ObservedFile=bench.path(file), **names)
        found.append((told(bench, "out-fit.txt"), rows(bench.path("out-fit.txt"))))
        if file == "seen.fits":
            assert "the spectra that it was rebuilt from are compared" in done.out + done.err
    (cube, values), (rss, others) = found
    assert within(cube["objective"], rss["objective"], rtol=1e-4) and cube["voxels"] == rss["voxels"] == 21 * 80
    for name, (value, error) in values.items():
        assert abs(value - others[name][0]) < 0.01 * error and within(error, others[name][1], rtol=1e-3), name


def test_masked_channels_are_no_degrees_of_freedom(bench):
    """With the variances of the spectra beside the cube, too: samples of which no voxel tells do not count."""
    setup(bench)
    bench.cube(**VIEW, **SNR, OutputFile=bench.path("seen.fits"))
    edit(bench.path("seen.fits"), bench.path("seen.fits"), lambda hdus: hdus["DQ"].data.__setitem__(slice(7, 40), 4))
    derive(bench, "gradient", SpaxelNoise="fibres", Parameters="FluxScale")
    assert told(bench)["voxels"] == 21 * (80 - 33)


@pytest.mark.parametrize("how", [dict(Engine="direct"), dict(Engine="histogram", Combine="histogram"),
                                 dict(Engine="histogram", Combine="cube")], ids=["direct", "slabs", "cube"])
def test_any_ranks(bench, how):
    setup(bench)
    bench.cube(**VIEW, **SNR, **CUT, OutputFile=bench.path("seen.fits"))
    first = None
    for ranks in (1, 2, 3):
        derive(bench, "gradient", ranks, SpaxelNoise="fibres", **CUT, PsfFwhm=0.95,
               Parameters="Mass,PointingX,PsfFwhm", **how)
        got = (told(bench), rows(bench.path("out-gradient.txt")))
        first = first or got
        assert within(got[0]["objective"], first[0]["objective"], rtol=1e-6)
        assert got[0]["voxels"] == first[0]["voxels"] < 21 * 80
        for name, (_, bar) in got[1].items():
            assert within(bar, first[1][name][1], rtol=1e-4), (name, ranks)


def test_chi2_of_draws(bench):
    """Of 14 draws of noise chi2 per degree of freedom scatters by sqrt(2/n) about 1, as it should; that of spaxels that
    count as independent, of which there are five times as many, scatters several times as much as it should."""
    setup(bench)
    pull = {"fibres": [], "independent": []}
    for seed in range(14):
        bench.cube(**VIEW, **SNR, Seed=seed, OutputFile=bench.path("seen.fits"))
        for noise, x in pull.items():
            derive(bench, "gradient", SpaxelNoise=noise, Parameters="FluxScale", Engine="direct")
            n = told(bench)["voxels"]
            x.append((told(bench)["objective"] / n - 1) / math.sqrt(2 / n))
    square = {noise: np.mean(np.square(x)) for noise, x in pull.items()}
    assert 0.25 < square["fibres"] < 2.4, pull               # chi2 of 14: 99.9 % lie between 0.2 and 2.6
    assert square["independent"] > 3, pull


@pytest.mark.parametrize("ranks", [1, 3])
def test_fit(bench, ranks):
    """Also where the cube does not tell all of the spectra: chi2 and errors mean what they say."""
    setup(bench)
    bench.cube(**VIEW, **SNR, **CUT, OutputFile=bench.path("seen.fits"))
    derive(bench, "fit", ranks, SpaxelNoise="fibres", **CUT, Parameters="PointingX,PointingY,PsfFwhm",
           PointingX=0.1, PointingY=-0.1, PsfFwhm=1.0)
    for name, true in (("PointingX", 0.0), ("PointingY", 0.0), ("PsfFwhm", 0.9)):
        value, error = rows(bench.path("out-fit.txt"))[name]
        assert 0 < error < 0.06 and abs(value - true) < 4 * error, name
    said = told(bench, "out-fit.txt")
    assert said["voxels"] < 21 * 80 and abs(said["per_degree"] - 1) < 4 * math.sqrt(2 / said["voxels"])


def scale(hdus):
    hdus["STAT"].data[:, 8:, :] *= 1.5


def shift(hdus):
    hdus["DATA"].data = np.roll(hdus["DATA"].data, 1, axis=2)


@pytest.mark.parametrize("change, words", [(scale, "variances are not those of spaxels rebuilt"),
                                           (shift, "standard deviations (rms), at most 0.1")])
def test_another_cube_is_refused(bench, change, words):
    setup(bench)
    bench.cube(**VIEW, **SNR, OutputFile=bench.path("seen.fits"))
    edit(bench.path("seen.fits"), bench.path("other.fits"), change)
    done = derive(bench, "gradient", 2, status=3, SpaxelNoise="fibres", Parameters="FluxScale",
                  ObservedFile=bench.path("other.fits"))
    assert words in done.err and "other.fits" in done.err and "STEM-rss.fits" in done.err, done.err


def test_too_few_spaxels_alone(bench):
    """Sixteen variances do not tell those of 21 spectra, which have to lie beside the cube then."""
    setup(bench)
    bench.cube(**VIEW, **SNR, **CUT, OutputFile=bench.path("seen.fits"))
    derive(bench, "gradient", SpaxelNoise="fibres", Parameters="FluxScale", **CUT)
    bench.path("seen-rss.fits").unlink()
    done = derive(bench, "gradient", status=3, SpaxelNoise="fibres", Parameters="FluxScale", **CUT)
    assert "in 80 channels the variances of its spaxels do not tell" in done.err


def test_what_it_needs(bench):
    setup(bench)
    bench.cube(**VIEW, **SNR, OutputFile=bench.path("seen.fits"))
    done = derive(bench, "gradient", status=2, SpaxelNoise="fibres", Likelihood="cosine", Parameters="FluxScale")
    assert "needs Likelihood chi2, not cosine" in done.err
    bench.cube(**{**VIEW, "Sampling": "spaxels"}, **SNR, OutputFile=bench.path("seen.fits"))
    done = derive(bench, "gradient", status=2, SpaxelNoise="fibres", Sampling="spaxels", Parameters="FluxScale")
    assert "set Sampling fibres" in done.err
