"""Refraction of the air with Sampling fibres: cores move over the sky with wavelength, and the rebuilt cube knows
where they are."""
import math

import numpy as np
import pytest

from harness import assert_close, read_cube, refused, run, stars, within
from oracle import fibres, refraction
from test_fibres import CORE, DRIZZLE, RINGS, SHEPARD, SIDE, SUB, centres, fine, made, setup

LAM = (3700.0, 9000.0, 100.0)
AIR = dict(Airmass=1.5, ParallacticAngle=35)
STEP = 0.02 * SIDE                                          # that cores of a group move at most


def wide(bench, **more):
    """A bundle of 7 fibres in three dithers, with channels from the blue to the red."""
    setup(bench, lam=more.pop("lam", LAM), **more)
    bench.ssp(lo=3300.0, hi=9300.0, step=5.0)


def places(rss):
    """[channel][spectrum][2]"""
    return np.stack([rss["XPOS"], rss["YPOS"]], axis=-1).transpose(1, 0, 2)


def expected(rss, airmass, angle, base, **more):
    """The same by the formula: each dither's own."""
    d = [refraction.shift(rss["WAVE"], x, q, **more) for x, q in zip(airmass, angle)]
    return base + np.repeat(np.stack(d, axis=1), len(base) // len(airmass), axis=1)


def test_the_formula(bench):
    """Filippenko's air is that of Ciddor to a few per mille of what is differential, but for the water."""
    lam = np.array([3500.0, 4500.0, 7000.0, 10000.0])
    ours = refraction.shift(lam, 1.5, 0.0, vapour=0.0)[:, 1]
    theirs = refraction.shift(lam, 1.5, 0.0, index=refraction.ciddor)[:, 1]
    assert within(ours, theirs, rtol=0.01)
    wide(bench, dither=("none", 1.0))
    for air in (dict(), dict(AirPressure=620, AirTemperature=-3, WaterVapour=2),
                dict(AirPressure="600 mmHg", ReferenceWavelength="650 nm")):
        _, rss = made(bench, Airmass=2, ParallacticAngle=0, **air)
        known = dict(pressure=799.93421 if "mmHg" in str(air) else air.get("AirPressure", 800.0),
                     temperature=air.get("AirTemperature", 7.0), vapour=air.get("WaterVapour", 10.7),
                     reference=6500.0 if "650" in str(air) else 5500.0)
        want = refraction.shift(rss["WAVE"], 2.0, 0.0, **known)
        middle = places(rss).mean(axis=1)                   # of a bundle about the field's centre
        assert np.abs(middle - want).max() < 0.5 * STEP + 1e-6
        assert np.abs(rss["YPOS"][0, 0] - rss["YPOS"][0, -1]) > 1.5          # a fibre sees lower in the blue


@pytest.mark.parametrize("roll", [0, 50])
def test_cores_move_as_the_formula_says(bench, roll):
    wide(bench)
    cube, rss = made(bench, Roll=roll, **AIR)
    base = centres(fibres.hexagon(7, 2.48), fibres.dithers("three", 1.4318))
    still = made(bench, OutputFile=bench.path("still.fits"))[1]
    assert within(np.sort(still["XPOS"]), np.sort(base[:, 0]), rtol=0, atol=1e-9)
    base = np.column_stack([still["XPOS"], still["YPOS"]])
    want = expected(rss, 3 * [1.5], 3 * [35], base, roll=roll)
    got = places(rss)
    assert got.shape == (len(rss["WAVE"]), 21, 2)
    assert np.abs(got - want).max() < 0.5 * STEP + 1e-6      # the middle of its group
    assert np.hypot(*(got[0] - got[-1]).T).min() > 1.5
    head = cube["header"]["PRIMARY"]
    assert head["AIRMASS"] == 1.5 and head["REFWAVE"] == 5500
    assert head["NREFRACT"] == len(np.unique(got[:, 0].round(9), axis=0)) > 20


def test_each_dither_has_its_own_sky(bench):
    wide(bench)
    bench.path("sky.txt").write_text("# airmass, parallactic angle\n1.1 -40\n1.3 10\n1.8 75  # the last\n")
    _, rss = made(bench, AirmassFile=bench.path("sky.txt"))
    still = made(bench, OutputFile=bench.path("still.fits"))[1]
    base = np.column_stack([still["XPOS"], still["YPOS"]])
    want = expected(rss, (1.1, 1.3, 1.8), (-40, 10, 75), base)
    assert np.abs(places(rss) - want).max() < 0.5 * STEP + 1e-6


CASES = {"shepard": dict(dither=("three", 1.4318)),
         "drizzle": dict(bundle="rings", how=DRIZZLE, core=1.6, pitch=RINGS, dither=("seven", 0.7)),
         "cut": dict(field=(5.0, 4.0))}


@pytest.mark.parametrize("case", CASES)
def test_spectra_and_cube_are_those_of_the_oracle(bench, case):
    """Each channel by the matrices of its own places, from the light on the painted grid; a spaxel is inside where
    fibres give light to it in all channels."""
    what = CASES[case]
    how, core = what.get("how", SHEPARD), what.get("core", CORE)
    wide(bench, **what)
    cube, rss = made(bench, **AIR)
    n_l, n_y, n_x = cube["DATA"].shape
    at = places(rss)
    reach = np.abs(at).max(axis=(0, 1)) + core / 2
    apron = int(max(0, math.ceil(reach[0] / SIDE - n_x / 2 + 1 / SUB), math.ceil(reach[1] / SIDE - n_y / 2 + 1 / SUB)))
    light = fine(bench, n_x + 2 * apron, n_y + 2 * apron)["DATA"].reshape(n_l, -1)
    spectra, image, inside = np.zeros((n_l, at.shape[1])), np.zeros((n_l, n_y, n_x)), np.ones((n_y, n_x), bool)
    for k in range(n_l):
        s = fibres.sample(at[k], core, (n_x + 2 * apron) * SUB, (n_y + 2 * apron) * SUB, SIDE / SUB, SIDE / SUB, 3)
        w = fibres.rebuild(at[k], core, n_x, n_y, SIDE, SIDE, how)
        spectra[k] = s @ light[k]
        image[k] = (w @ spectra[k]).reshape(n_y, n_x)
        inside &= (w.sum(axis=1) > 0).reshape(n_y, n_x)
    assert_close(rss["FLUX"].T, spectra, 3e-6, level=np.abs(spectra).max())
    assert np.array_equal(cube["DQ"][0] & 1 == 0, inside) and inside.any()
    assert_close(cube["DATA"], image * inside, 3e-6, level=np.abs(image).max())


def centroid(weight, x, y):
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


def many_dithers(bench):
    """Bundles that are moved so often that the sky is sampled well."""
    at = 2.48 * ((np.arange(7) + 0.5) / 7 - 0.5)
    bench.path("dithers.txt").write_text("".join(f"{x} {y * math.sqrt(3) / 2}\n" for x in at for y in at))
    return bench.path("dithers.txt")


@pytest.mark.parametrize("roll", [0, 50])
def test_a_star_stays_where_it_is(bench, roll):
    """In the rebuilt cube, within 0.02 spaxels; where the fibres are taken to stay, it moves towards the zenith as the
    formula says."""
    wide(bench, count=61)
    bench.particles(stars((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1e9, 3.0, 0.02)))
    cube, rss = made(bench, DitherFile=many_dithers(bench), Centre="0 0 0", SystemicVelocity="none", Roll=roll, **AIR)
    n_l, n_y, n_x = cube["DATA"].shape
    y, x = np.mgrid[:n_y, :n_x]
    seen = np.array([centroid(image, x, y) for image in cube["DATA"]])
    moved = np.abs(seen - seen.mean(axis=0)).max()
    assert moved < 0.02, moved
    at = places(rss)
    reference = np.abs(rss["WAVE"] - 5500).argmin()
    taken = np.array([centroid(flux, *at[reference].T) for flux in rss["FLUX"].T])
    want = -refraction.shift(rss["WAVE"], 1.5, 35, roll=roll)
    assert np.abs(taken - taken[reference] - (want - want[reference])).max() < 0.02
    assert taken[0] @ want[0] > 0 and np.hypot(*(taken[0] - taken[-1])) > 1.5


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_make_no_difference(bench, ranks):
    wide(bench)
    fixed = dict(Noise="exposure", ExposureTime=5400, KeepNoiseFree="yes", Engine="histogram", Combine="histogram",
                 **AIR)
    (one, rss), (many, rss_many) = made(bench, **fixed), made(bench, ranks=ranks, **fixed)
    for name in ("DATA", "STAT", "NOISEFREE", "DQ", "NSTAR"):
        assert np.array_equal(one[name], many[name])
    for name in ("FLUX", "IVAR", "MASK", "WAVE", "FWHM", "XPOS", "YPOS"):
        assert np.array_equal(rss[name], rss_many[name])


def test_rows_of_a_batch_have_their_own_air(bench):
    """And their own wavelengths: of the row before nothing is taken that is not the same."""
    wide(bench, lam=(4000.0, 8500.0, 500.0))
    still = made(bench)[1]
    base = np.column_stack([still["XPOS"], still["YPOS"]])
    file = bench.parameters(Sampling="fibres", FibreSubsample=SUB, Redshift=0.05, FluxUnit=-17,
                            OutputFile=bench.path("row.fits"))
    rows = [(1.2, 0, 0, 4000), (1.8, 0, 0, 4000), (1.8, 70, 0, 4000), (1.8, 70, 0, 5000), (1.8, 70, 40, 5000)]
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    bench.path("rows.csv").write_text("Airmass,ParallacticAngle,Roll,LambdaMin\n" + text)
    done = run("cubix-batch", [bench.path("rows.csv"), file], cwd=bench.folder)
    assert done.status == 0, done.err
    for number, (airmass, angle, roll, start) in enumerate(rows, 1):
        rss = read_cube(bench.path(f"row_{number}-rss.fits"))
        assert rss["WAVE"][0] == start
        want = expected(rss, 3 * [airmass], 3 * [angle], base, roll=roll)
        assert np.abs(places(rss) - want).max() < 0.5 * STEP + 1e-6, number


def test_noise_of_the_cube_is_that_of_its_fibres(bench):
    wide(bench)
    cube, rss = made(bench, Noise="exposure", ExposureTime=5400, **AIR)
    n_l, n_y, n_x = cube["DATA"].shape
    inside = cube["DQ"][0] & 1 == 0
    for k in (0, n_l // 2, n_l - 1):
        w = fibres.rebuild(places(rss)[k], CORE, n_x, n_y, SIDE, SIDE, SHEPARD)
        want = (w @ rss["FLUX"][:, k]).reshape(n_y, n_x)
        assert_close(cube["DATA"][k][inside], want[inside], 3e-6, level=np.abs(want).max())
        var = (w**2 @ (1 / rss["IVAR"][:, k])).reshape(n_y, n_x)
        assert_close(cube["STAT"][k][inside], var[inside], 1e-5)


def test_at_the_zenith_nothing_changes(bench):
    wide(bench)
    bench.path("sky.txt").write_text("1 0\n1 30\n1 60\n")
    still, rss = made(bench)
    for more in (dict(Airmass=1, ParallacticAngle=20), dict(AirmassFile=bench.path("sky.txt"))):
        cube, spectra = made(bench, **more)
        assert np.array_equal(cube["DATA"], still["DATA"]) and np.array_equal(spectra["XPOS"], rss["XPOS"])
        assert spectra["XPOS"].shape == (21, )


def one_fibre(bench):
    bench.path("one.txt").write_text("0 0\n")
    return bench.path("one.txt")


def test_what_is_refused(bench):
    wide(bench)
    at = {"Redshift": 0.05}
    refused(bench, 2, "Airmass", "spaxels sample the field", "Sampling fibres", Sampling="spaxels", Airmass=1.5, **at)
    at["Sampling"] = "fibres"
    sky = bench.path("sky.txt")
    for text, words in (("1.2 10\n", ("sky.txt has 1 lines", "3 dithers")), ("1.2\n" * 3, ("sky.txt:1", "airmass")),
                        ("1.2 0\n0.9 0\n1.1 0\n", ("dither 2", "airmass 0.9", "1 .. 10"))):
        sky.write_text(text)
        refused(bench, 3, *words, AirmassFile=sky, **at)
    refused(bench, 3, "none.txt", "airmass of dithers", AirmassFile=bench.path("none.txt"), **at)
    refused(bench, 2, "no spaxel at all wavelengths", "Airmass", FibreFile=one_fibre(bench), Airmass=3, **at)
    refused(bench, 2, "Roll turns the zenith", "Airmass", Mode="gradient", Parameters="Roll", ObservedFile=bench.file,
            Airmass=1.5, Deposit="tsc", **at)
