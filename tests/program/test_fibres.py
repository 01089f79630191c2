"""Sampling fibres: spectra of a bundle, and the cube rebuilt from them, against matrices of the oracle's own."""
import math

import numpy as np
import pytest
from astropy.io import fits

from harness import assert_close, galaxy, read_cube, refused, stars, within
from oracle import fibres
from oracle.noise import variance

CORE, PITCH, SIDE, SUB = 1.984, 2.48, 0.5, 2
UNIT = 1e-17
SHEPARD, DRIZZLE = ("shepard", 0.7, 1.6), ("drizzle", 0.5)
NOISE = dict(area=3.6e4, throughput=(0.2,), sky=(2e-17,), dark=1e-3, read_noise=2.0, n_pixel=0.2, exposure=900.0,
             n_sky=40.0)
RINGS = 1.645
BOXES = {"nearest": 3, "cic": 4, "tsc": 5}


def setup(bench, how=SHEPARD, bundle="hexagon", count=7, core=CORE, pitch=PITCH, dither=("three", 1.4318), field=None,
          radius=2.0, **more):
    """An instrument with a bundle; the spaxels of its field are those of Sampling spaxels."""
    inst = bench.instrument(**{"n_x": 24, "n_y": 20, "pixel": SIDE, "lam": (5000.0, 5019.0, 1.0), **NOISE, **more})
    keys = [f'bundle = "{bundle}";', f"count = {count};", f'core = ( {core}, "arcsec" );',
            f'pitch = ( {pitch}, "arcsec" );', f'dither = "{dither[0]}";', f'dither_step = ( {dither[1]}, "arcsec" );',
            'seeing = ( 1.5, "arcsec" );', f'rebuild = "{how[0]}";']
    keys += [f'sigma = ( {how[1]}, "arcsec" );', f'limit = ( {how[2]}, "arcsec" );'] if how is SHEPARD else [
        f"drop = {how[1]};"]
    keys += [f'field = ( {field[0]}, {field[1]}, "arcsec" );'] if field else []
    with open(bench.inst_file, "a") as file:
        file.write("fibres:\n{\n" + "\n".join(keys) + "\n};\n")
    bench.ssp()
    bench.particles(galaxy(300, seed=5, radius=radius))
    return inst


def made(bench, **more):
    """The cube rebuilt from fibres, and their spectra."""
    cube = bench.cube(Sampling="fibres", FibreSubsample=SUB, Redshift=0.05, FluxUnit=-17, **more)
    rss = read_cube(str(more.get("OutputFile", bench.out)).replace(".fits", "-rss.fits"))
    return cube, rss


def centres(bundle, dither):
    return np.concatenate([bundle + shift for shift in dither])


def fine(bench, n_x, n_y, **more):
    """The same light on the grid that is painted: n_x x n_y of the cube's spaxels, through the seeing."""
    return bench.cube(Sampling="spaxels", PixelScale=SIDE / SUB, FieldOfView=f"{n_x * SIDE} {n_y * SIDE}",
                      Psf="gaussian", PsfFwhm=1.5, Redshift=0.05, FluxUnit=-17, **more)


def lay(rss):
    return np.column_stack([rss["XPOS"], rss["YPOS"]])


def test_places_of_fibres(bench):
    setup(bench, count=37)
    _, rss = made(bench)
    want = centres(fibres.hexagon(37, PITCH), fibres.dithers("three", 1.4318))
    got = lay(rss)
    assert len(got) == 111
    for d in range(3):                                      # each dither has all fibres, in whatever order
        part, of = got[37 * d:37 * (d + 1)], want[37 * d:37 * (d + 1)]
        distance = np.sqrt(((part[:, None] - of[None])**2).sum(axis=2))
        assert (distance.min(axis=0) < 1e-9).all() and (distance.min(axis=1) < 1e-9).all()
    assert np.abs(got.mean(axis=0)).max() < 1e-9
    assert within(got[:37] - got[37:74], np.broadcast_to(got[0] - got[37], (37, 2)), rtol=0, atol=1e-9)


def test_rings_of_sami(bench):
    """61 cores in rings: none overlap, and they fill 75 % of the circle about them (Bryant et al. 2014)."""
    setup(bench, count=61, bundle="rings", core=1.6, pitch=RINGS, dither=("seven", 0.7), how=DRIZZLE)
    _, rss = made(bench)
    got = lay(rss)
    assert len(got) == 7 * 61
    first = got[:61]
    assert within(got.reshape(7, 61, 2) - first, np.broadcast_to(fibres.dithers("seven", 0.7)[:, None], (7, 61, 2)),
                  rtol=0, atol=1e-9)
    distance = np.sqrt(((first[:, None] - first[None])**2).sum(axis=2)) + 1e3 * np.eye(61)
    assert RINGS * (1 - 1e-9) < distance.min(axis=1).min() and distance.min(axis=1).max() < 1.03 * RINGS
    radius = np.sqrt((first**2).sum(axis=1)).max() + 0.8
    assert abs(61 * 0.8**2 / radius**2 - 0.75) < 0.01


CASES = {"shepard": {}, "drizzle": dict(how=DRIZZLE), "cut": dict(field=(5.0, 4.0)),
         "rings": dict(bundle="rings", count=19, how=DRIZZLE, core=1.6, pitch=RINGS, dither=("seven", 0.7)),
         "cic": dict(deposit="cic"), "tsc": dict(deposit="tsc"),
         "one": dict(dither=("none", 1.0), field=(9.0, 11.0))}


@pytest.mark.parametrize("case", CASES)
def test_spectra_and_cube_are_those_of_the_oracle(bench, case):
    """From the light on the painted grid, which the program makes with Sampling spaxels."""
    what = {"how": SHEPARD, "core": CORE, **CASES[case]}
    deposit = {"Deposit": what.get("deposit", "nearest")}
    setup(bench, **{k: v for k, v in what.items() if k != "deposit"})
    cube, rss = made(bench, **deposit)
    n_l, n_y, n_x = cube["DATA"].shape
    at, core = lay(rss), what["core"]
    apron = int(max(0, math.ceil((np.abs(at[:, 0]).max() + core / 2) / SIDE - n_x / 2 + 1 / SUB),
                    math.ceil((np.abs(at[:, 1]).max() + core / 2) / SIDE - n_y / 2 + 1 / SUB)))
    assert apron > 0 or case != "cut"
    painted = fine(bench, n_x + 2 * apron, n_y + 2 * apron, **deposit)
    s = fibres.sample(at, core, (n_x + 2 * apron) * SUB, (n_y + 2 * apron) * SUB, SIDE / SUB, SIDE / SUB,
                      BOXES[deposit["Deposit"]])
    w = fibres.rebuild(at, core, n_x, n_y, SIDE, SIDE, what["how"])
    light = painted["DATA"].reshape(n_l, -1)
    spectra = light @ s.T
    assert_close(rss["FLUX"].T, spectra, 3e-6, level=np.abs(spectra).max())
    want = (spectra @ w.T).reshape(n_l, n_y, n_x)
    assert_close(cube["DATA"], want, 3e-6, level=np.abs(want).max())
    assert np.array_equal(cube["DQ"][0] & 1 == 0, (w.sum(axis=1) > 0).reshape(n_y, n_x))
    # sums as painted are those of the finer spaxels; those that are seen go the cube's way
    inner = painted["LIGHT"][apron * SUB:(apron + n_y) * SUB, apron * SUB:(apron + n_x) * SUB]
    assert_close(cube["LIGHT"], inner.reshape(n_y, SUB, n_x, SUB).sum(axis=(1, 3)), 1e-12, level=inner.max())
    seen = (w @ (s @ painted["LIGHT_OBS"].ravel())).reshape(n_y, n_x)
    assert_close(cube["LIGHT_OBS"], seen, 1e-6, level=seen.max())
    assert cube["NSTAR"].sum() == painted["NSTAR"][apron * SUB:(apron + n_y) * SUB,
                                                   apron * SUB:(apron + n_x) * SUB].sum() > 0


def test_noise_is_that_of_the_fibres(bench):
    """The cube's noise and variance follow from those of the spectra; a dither has its share of the time, and a core the
    sky and the pixels of its area."""
    inst = setup(bench)
    time = 5400.0
    cube, rss = made(bench, Noise="exposure", ExposureTime=time, KeepNoiseFree="yes")
    clean, clean_rss = made(bench)
    n_l, n_y, n_x = cube["DATA"].shape
    assert np.array_equal(cube["NOISEFREE"], clean["DATA"])
    w = fibres.rebuild(lay(rss), CORE, n_x, n_y, SIDE, SIDE, SHEPARD)
    want = (rss["FLUX"].T @ w.T).reshape(n_l, n_y, n_x)
    assert_close(cube["DATA"], want, 3e-6, level=np.abs(want).max())
    var = ((1 / rss["IVAR"].T) @ (w**2).T).reshape(n_l, n_y, n_x)
    inside = cube["DQ"] & 1 == 0
    assert_close(cube["STAT"][inside], var[inside], 1e-5)
    area = math.pi * CORE**2 / 4
    core = bench.instrument(21, 1, 1.0, lam=(5000.0, 5019.0, 1.0), name="core.cfg",
                            **{**NOISE, "n_pixel": 0.2 * area / SIDE**2})
    core.pixel_x, core.pixel_y = area, 1.0                  # a fibre as a spaxel of its area
    of_fibres = variance(core, clean_rss["FLUX"].T[:, None, :], time / 3, UNIT)[:, 0]
    assert_close(1 / rss["IVAR"].T, of_fibres, 1e-5)
    z = (rss["FLUX"] - clean_rss["FLUX"]) * np.sqrt(rss["IVAR"])
    assert abs(z.mean()) < 5 / math.sqrt(z.size) and abs(z.std() - 1) < 5 / math.sqrt(2 * z.size)
    assert len(np.unique(z.round(9))) == z.size             # each fibre, dither and channel has its own


def test_variance_and_correlation_of_many_draws(bench):
    """Channels of even light are draws of one noise: their variance is STAT, and neighbours are correlated as those of
    MaNGA's cubes, exp(-D^2 / 2 1.92^2) for D in spaxels (Westfall et al. 2019, AJ 158, 231)."""
    setup(bench, count=37, lam=(5000.0, 5799.0, 1.0))
    cube, _ = made(bench, Noise="exposure", ExposureTime=8100.0, KeepNoiseFree="yes")
    z = (cube["DATA"] - cube["NOISEFREE"]) / np.sqrt(np.where(cube["STAT"] > 0, cube["STAT"], 1))
    n_l, n_y, n_x = z.shape
    y, x = np.mgrid[:n_y, :n_x]
    inner = np.hypot((x - (n_x - 1) / 2) * SIDE, (y - (n_y - 1) / 2) * SIDE) < 5.0
    std = z[:, inner].std(axis=0)
    assert abs(std.mean() - 1) < 0.01 and np.abs(std - 1).max() < 0.2
    for d in (1, 2, 3):
        both = inner[:, d:] & inner[:, :-d]
        rho = (z[:, :, d:] * z[:, :, :-d]).mean(axis=0)[both].mean()
        assert abs(rho - math.exp(-0.5 * (d / 1.92)**2)) < 0.1, (d, rho)


def test_even_light_stays_even(bench):
    """One pixel's light in every painted spaxel: 1e-6 within the bundle, whatever the weights."""
    for how in (SHEPARD, DRIZZLE):
        at = centres(fibres.hexagon(19, PITCH), fibres.dithers("three", 1.4318))
        s = fibres.sample(at, CORE, 64, 64, SIDE / SUB, SIDE / SUB, 3)
        w = fibres.rebuild(at, CORE, 32, 32, SIDE, SIDE, how)
        even = w @ (s @ np.full(64 * 64, 1 / SUB**2))
        assert within(even[w.sum(axis=1) > 0], 1.0, rtol=1e-6)


def point(bench, name, **more):
    """A star at the centre of a painted spaxel, through MaNGA's bundle."""
    bench.ssp()
    bench.particles(stars((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1e9, 3.0, 0.02)))
    return bench.cube(Instrument=name, Sampling="fibres", LambdaMin=5000, LambdaMax=5003, Redshift=0.05, Centre="0 0 0",
                      SystemicVelocity="none", **more)


def test_point_source_of_manga(bench):
    """1.5 arcsec of seeing become about 2.5 arcsec in the rebuilt cube (Law et al. 2016); three dithers keep the light."""
    bench.instrument()
    bench.inst.lsf_fwhm = 1                                 # MaNGA has an LSF
    cube = point(bench, "MaNGA-N37", FibreSubsample=8)
    image = cube["FLUX"].sum(axis=0)
    n_y, n_x = image.shape
    y, x = np.mgrid[:n_y, :n_x]
    cx, cy = (image * x).sum() / image.sum(), (image * y).sum() / image.sum()
    assert abs(cx - (n_x - 1) / 2) < 0.15 and abs(cy - (n_y - 1) / 2) < 0.15
    r2 = ((x - cx)**2 + (y - cy)**2) * SIDE**2
    core = image > 0.2 * image.max()                        # a Gaussian's logarithm is straight in r^2
    slope = np.polyfit(r2[core], np.log(image[core]), 1, w=image[core])[0]
    fwhm = math.sqrt(-4 * math.log(2) / slope)
    assert 2.4 < fwhm < 2.6
    everywhere = bench.cube(Instrument="MaNGA-N37", Sampling="spaxels", Psf="none", FieldOfView=20, LambdaMin=5000,
                            LambdaMax=5003, Redshift=0.05, Centre="0 0 0", SystemicVelocity="none")
    assert within(image.sum(), everywhere["FLUX"].sum(), rtol=0.03)


def test_light_of_a_small_galaxy(bench):
    """A galaxy smaller than the bundle keeps its light within 1 % after three dithers."""
    bench.instrument()
    bench.inst.lsf_fwhm = 1                                 # MaNGA has an LSF
    bench.ssp()
    bench.particles(galaxy(2000, seed=3, radius=1.0))
    fixed = dict(Instrument="MaNGA-N61", LambdaMin=5000, LambdaMax=5003, Redshift=0.05)
    cube = bench.cube(Sampling="fibres", **fixed)
    whole = bench.cube(Sampling="spaxels", Psf="none", FieldOfView=60, **fixed)
    assert within(cube["FLUX"].sum(), whole["FLUX"].sum(), rtol=0.01)


def test_finer_painting_changes_little(bench):
    """The grid that is chosen loses less than 1e-3 of a fibre's light against one that is four times finer, of light as
    uneven as that of single stars."""
    bench.instrument()
    bench.inst.lsf_fwhm = 1                                 # MaNGA has an LSF
    bench.ssp()
    bench.particles(galaxy(20000, seed=3, radius=2.0))
    fixed = dict(Instrument="MaNGA-N37", LambdaMin=5000, LambdaMax=5003, Redshift=0.05, Sampling="fibres", Deposit="tsc")
    names = ["a.fits", "b.fits"]
    for name, sub in zip(names, (0, 8)):
        bench.cube(OutputFile=bench.path(name), FibreSubsample=sub, **fixed)
    chosen, finer = [read_cube(bench.path(name.replace(".fits", "-rss.fits")))["FLUX"].sum(axis=1) for name in names]
    bright = finer > 0.1 * finer.max()
    assert within(chosen[bright], finer[bright], rtol=1e-3)


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_make_no_difference(bench, ranks):
    setup(bench)
    fixed = dict(Noise="exposure", ExposureTime=5400, KeepNoiseFree="yes", Engine="histogram", Combine="histogram")
    (one, rss), (many, rss_many) = made(bench, **fixed), made(bench, ranks=ranks, **fixed)
    for name in ("DATA", "STAT", "NOISEFREE", "DQ", "NSTAR"):
        assert np.array_equal(one[name], many[name])
    for name in ("FLUX", "IVAR", "MASK", "WAVE", "FWHM", "XPOS", "YPOS"):
        assert np.array_equal(rss[name], rss_many[name])


def test_tables_of_fibres_and_dithers(bench):
    """FibreFile and DitherFile replace the instrument's; rows come in their order."""
    setup(bench)
    bench.path("fibres.txt").write_text("# east north\n0 0\n2.5 0  # a comment\n\n-1.25 2.0\n")
    bench.path("dithers.txt").write_text("0.5 0\n-0.5 0.25\n")
    cube, rss = made(bench, FibreFile=bench.path("fibres.txt"), DitherFile=bench.path("dithers.txt"))
    at = np.array([[0, 0], [2.5, 0], [-1.25, 2.0]])
    assert within(lay(rss), np.concatenate([at + [0.5, 0], at + [-0.5, 0.25]]), rtol=0, atol=1e-12)
    assert cube["header"]["PRIMARY"]["SAMPLING"] == "fibres"


def test_without_fibres_there_are_no_spectra(bench):
    setup(bench)
    bench.cube(Sampling="instrument", Redshift=0.05)
    assert not list(bench.folder.glob("*-rss.fits"))


def test_what_is_refused(bench):
    setup(bench)
    at = {"Redshift": 0.05, "Sampling": "fibres"}
    bad = bench.path("bad.txt")
    for text, words in (("0 0\n1 x\n", ("bad.txt:2", "arcsec to the east")), ("", ("bad.txt", "holds no line")),
                        ("1 2 3\n", ("bad.txt:1", "two numbers")), ("0 nan\n", ("bad.txt:1", "-1e5 .. 1e5")),
                        ("#" + 1022 * "x" + "5 5\n0 0\n", ("bad.txt:1", "at most 1022 characters"))):
        bad.write_text(text)
        refused(bench, 3, *words, FibreFile=bad, **at)
    refused(bench, 3, "none.txt", "places of the bundle", DitherFile=bench.path("none.txt"), **at)
    refused(bench, 3, "cannot read", "places of fibres", FibreFile=bench.folder, **at)
    bad.write_text(65536 * "0 0\n")                          # their product is 0 in 32 bits
    refused(bench, 3, "4.29497e+09 spectra", "at most 10000000", FibreFile=bad, DitherFile=bad, **at)
    bad.write_text("30 0\n")
    refused(bench, 2, "reach no spaxel", "FieldOfView", FibreFile=bad, FieldOfView=10, **at)
    refused(bench, 2, "Psf file", "FibreSubsample", Psf="file", PsfFile=psf_image(bench), **at)
    refused(bench, 2, "fibres.core", "missing", Instrument="MUSE", LambdaMin=5000, LambdaMax=5010, **at)


@pytest.mark.parametrize("name, file", [("FibreFile", "cube-rss.fits"), ("DitherFile", "cube-timings.txt"),
                                        *((name, "cube.fits") for name in (
                                            "FibreFile", "DitherFile", "AirmassFile", "SkyFile", "LineFile",
                                            "SimulationFormat"))])
def test_what_a_parameter_names_is_not_replaced(bench, name, file):
    setup(bench)
    bench.path(file).write_text("0 0\n")
    refused(bench, 4, file, f"is the {name} as well", Redshift=0.05, Sampling="fibres", **{name: bench.path(file)})


def test_covariance_belongs_to_fibres(bench):
    setup(bench)
    done = bench.cube(Sampling="spaxels", Redshift=0.05, Noise="exposure", ExposureTime=900, Covariance=5005)["run"]
    assert "Covariance = 5005" in done.err and "no effect" in done.err


def psf_image(bench):
    path = bench.path("psf.fits")
    fits.writeto(path, np.ones((3, 3)), overwrite=True)
    return path
