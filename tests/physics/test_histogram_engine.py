"""Engine histogram: within Tolerance of the oracle in every voxel, the same bits whoever computes
it, and honest about what it did."""
import subprocess
import sys

import numpy as np
import pytest

from harness import SOURCE, assert_close, bits, galaxy, read_cube, run, shared, stars, templates
from oracle import cube as oracle

Z = 0.05
WAYS = [(1, 2), (1, 3), (2, 1), (3, 1), (4, 1), (2, 2)]


def fast(**more):
    return {"Redshift": Z, "Engine": "histogram", "Centre": "median", **more}


def setup(bench, n=400, lsf=(4.0,), lam=(5000.0, 5299.0, 1.0), step=1.5, fwhm=1.5, radius=1.6, **kw):
    bench.instrument(12, 10, 0.5, lam=lam, lsf_curve=lsf, **kw)
    bench.ssp("mixed", step=step, fwhm=fwhm)
    bench.particles(galaxy(n, seed=17, radius=radius, centre=(3, -2, 5), velocity=(120, -310, 55)))


def within(got, want, tolerance, what=""):
    """Every voxel of channels that the library covers."""
    good = (got["DQ"] & 3) == 0
    assert good.any()
    assert_close(got["DATA"][good], want[good], tolerance, what=what)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("lsf", [None, (4.0,)])
def test_within_tolerance_of_the_oracle(bench, tolerance, lsf):
    setup(bench, lsf=lsf)
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre="median")
    got = bench.cube(Tolerance=tolerance, **fast())
    head = got["header"]["PRIMARY"]
    assert head["ENGINE"] == "histogram"
    assert head["TOLERANC"] == tolerance
    assert 0 < head["CERTIFED"] <= tolerance
    assert head["AUDIT"] <= tolerance
    assert head["NAUDIT"] >= 3
    within(got, want.cube, tolerance)


@pytest.fixture(scope="module")
def emiles(tmp_path_factory):
    """The E-MILES library in canonical form."""
    path = tmp_path_factory.mktemp("emiles") / "emiles.hdf5"
    done = subprocess.run([sys.executable, SOURCE / "scripts/cubix-ssp", "convert", "emiles", shared("data/ssp/emiles"),
                           path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("lsf", ["none", "gaussian"])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-5])
def test_a_real_library(bench, emiles, lsf, tolerance):
    """E-MILES, as it is and broadened."""
    bench.instrument(6, 5, 1.0, lam=(4750.0, 5349.0, 1.25), medium="air", lsf_curve=None if lsf == "none" else (3.6,))
    bench.ssp_file = emiles
    bench.particles(galaxy(150, seed=5, radius=1.2))
    want = oracle.observe(bench.file, emiles, bench.inst, Z, centre="median")
    got = bench.cube(Tolerance=tolerance, **fast())
    assert got["header"]["PRIMARY"]["ENGINE"] == "histogram"
    within(got, want.cube, tolerance)


def test_the_same_bits_on_any_ranks_and_threads(bench):
    """With noise, a PSF that changes with wavelength, and a library that ends within the band."""
    setup(bench, n=703, lam=(5000.0, 5699.0, 1.0), psf="gaussian", psf_curve=(5.0, -8e-4), area=5e5, sky=(2e-17,),
          read_noise=3.0, exposure=900.0)
    bench.ssp("mixed", lo=4500.0, hi=5350.0, fwhm=1.5)
    for noise in (dict(Noise="exposure"), dict(Noise="snr", SnrLambdaMax=5500.0)):
        par = fast(KeepNoiseFree=True, Combine="histogram", **noise)
        bench.cube(**par)
        want = bits(bench.out)
        assert len(want) == 5 and any(want["DATA"])
        for ranks, threads in WAYS:
            bench.cube(ranks=ranks, threads=threads, **par)
            assert bits(bench.out) == want, f"{ranks} ranks, {threads} threads, {noise}"


def test_combinations_agree(bench):
    setup(bench, n=500, psf="moffat", psf_beta=2.8, psf_curve=(0.9,))
    cube = {c: bench.cube(ranks=3, **fast(Combine=c)) for c in ("cube", "histogram", "auto")}
    assert cube["cube"]["header"]["PRIMARY"]["COMBINE"] == "cube"
    assert cube["histogram"]["header"]["PRIMARY"]["COMBINE"] == "histogram"
    for c in ("histogram", "auto"):
        assert_close(cube[c]["DATA"], cube["cube"]["DATA"], 2e-6,
                     np.abs(cube["cube"]["DATA"]).max(axis=(1, 2), keepdims=True), c)
        assert np.array_equal(cube[c]["NSTAR"], cube["cube"]["NSTAR"])


@pytest.mark.parametrize("n", [1, 3, 40])
def test_empty_ranks_and_a_giant_spaxel(bench, n):
    setup(bench, n=n)
    s = galaxy(n, seed=3, radius=0.01)                       # all in a spaxel or two
    bench.particles(s)
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre="median", velocity="none")
    par = fast(SystemicVelocity="none")
    first = bench.cube(Combine="histogram", **par)
    within(first, want.cube, 1e-4)
    one = bits(bench.out)
    for combine in ("histogram", "cube"):
        within(bench.cube(ranks=4, Combine=combine, **par), want.cube, 1e-4, combine)
        assert combine == "cube" or bits(bench.out) == one


@pytest.mark.parametrize("shape", [dict(n_x=1, n_y=1), dict(channels=3), dict(channels=9), dict(n=2), dict(n_x=30, n_y=1)],
                         ids=["one spaxel", "3 channels", "9 channels", "two stars", "a row"])
@pytest.mark.parametrize("psf", [False, True])
def test_more_ranks_than_there_is_to_own(bench, shape, psf):
    """Ranks without stars, spaxels or channels: of six, all but a few have none of one of them."""
    seen = dict(psf="gaussian", psf_curve=(0.8,)) if psf else {}
    shape = dict(n_x=4, n_y=3, channels=40, n=60) | shape
    bench.instrument(shape["n_x"], shape["n_y"], 0.5, lam=(5000.0, 4999.0 + shape["channels"], 1.0), **seen)
    bench.ssp("mixed", step=1.5, fwhm=1.5)
    bench.particles(galaxy(shape["n"], seed=17, radius=0.3))
    par = fast(Combine="histogram", SystemicVelocity="none", Centre=(0.0, 0.0, 0.0))
    bench.cube(**par)
    one = bits(bench.out)
    for ranks in (2, 3, 6):
        bench.cube(ranks=ranks, **par)
        assert bits(bench.out) == one, ranks


def test_stars_beyond_the_grid(bench):
    """A few hundred slow stars and some fast ones, which are painted directly; with too many of
    them the grid reaches further."""
    setup(bench, n=600)
    for n_fast, reach in ((0, None), (5, None), (50, 2400.0)):
        s = galaxy(600, seed=8, radius=1.6)
        s["vel"][:n_fast, 2] = np.linspace(-1900, 1900, n_fast)
        bench.particles(s)
        want = oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre="median", velocity="none")
        one = None
        for ranks in (1, 3):
            got = bench.cube(ranks=ranks, Combine="histogram", **fast(SystemicVelocity="none"))
            head = got["header"]["PRIMARY"]
            assert head["ENGINE"] == "histogram" and (head["NODEREAC"] == reach if reach else head["NODEREAC"] <= 600)
            within(got, want.cube, 1e-4)
            assert one is None or bits(bench.out) == one
            one = bits(bench.out)
        if n_fast == 5:
            assert 0 < head["NBEYOND"] <= 6


@pytest.mark.parametrize("par, word", [(dict(SspInterpolation="pchip"), "pchip"), (dict(Tolerance=1e-6), "float32"),
                                       (dict(TemplateSemantic="linear", Lsf="none", Tolerance=1e-5), "certif")])
def test_what_has_no_certificate_is_painted_directly(bench, par, word):
    setup(bench, lsf=None)
    got = bench.cube(**{**fast(), **par})
    direct = bench.cube(**{**fast(), **par, "Engine": "direct"})
    head = got["header"]["PRIMARY"]
    assert head["ENGINE"] == "direct" and word in head["ENGINWHY"] and word in got["run"].out + got["run"].err
    assert np.array_equal(got["DATA"], direct["DATA"])


def test_auto_takes_the_direct_method_for_few_stars(bench):
    setup(bench, n=20)
    assert bench.cube(Redshift=Z, Centre="median")["header"]["PRIMARY"]["ENGINE"] == "direct"


def test_the_library_ends_in_the_band(bench):
    """Channels at its end are painted directly: within the tolerance like all others, and 0 beyond."""
    setup(bench, lam=(5000.0, 5699.0, 1.0), lsf=None)
    bench.ssp("mixed", lo=4500.0, hi=5200.0, fwhm=1.5)
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre="median")
    one = None
    for ranks, combine in ((1, "histogram"), (3, "histogram"), (2, "cube")):
        got = bench.cube(ranks=ranks, **fast(Combine=combine))
        assert_close(got["DQ"], want.dq, 0, 0)
        assert_close(got["DATA"], want.cube, 1e-4, np.maximum(np.abs(want.cube), 1e-5 * want.cube.max(axis=0)))
        assert not got["DATA"][want.cube == 0].any()
        assert (want.cube[-1] == 0).all()
        assert got["header"]["PRIMARY"]["ENGINE"] == "histogram"
        assert combine == "cube" or one is None or bits(bench.out) == one
        one = bits(bench.out)


@pytest.mark.parametrize("lsf", [None, (4.0,)])
def test_templates_that_end_in_the_band(bench, lsf):
    """The two youngest of them, at 5150 AA, as those of E-MILES do in the far red; some stars
    beyond the grid as well."""
    setup(bench, lam=(5000.0, 5699.0, 1.0), lsf=lsf)
    lum = templates(bench.lam)
    lum[:, :2, bench.lam > 5150.0] = 0
    bench.ssp("mixed", luminosity=lum, lam=bench.lam, fwhm=1.5)
    s = galaxy(600, seed=8, radius=1.6)
    s["vel"][:5, 2] = np.linspace(-1900, 1900, 5)
    bench.particles(s)
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre="median", velocity="none")
    one = None
    for tolerance, ranks, threads in ((1e-4, 1, 1), (1e-4, 3, 2), (1e-5, 1, 2)):
        got = bench.cube(ranks=ranks, threads=threads,
                         **fast(Combine="histogram", SystemicVelocity="none", Tolerance=tolerance))
        assert got["header"]["PRIMARY"]["ENGINE"] == "histogram"
        # beside the jump the spline rings
        assert_close(got["DATA"], want.cube, tolerance, np.maximum(np.abs(want.cube), 0.03 * want.cube.max(axis=0)))
        assert tolerance < 1e-4 or one is None or bits(bench.out) == one
        one = bits(bench.out)


def test_masses_of_twelve_decades(bench):
    setup(bench, n=200)
    s = galaxy(200, seed=4, radius=1.6)
    s["mass"] *= 10.0**np.random.default_rng(1).uniform(-6, 6, 200)
    bench.particles(s)
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre="median")
    within(bench.cube(**fast()), want.cube, 1e-4)


def test_a_star_on_grid_points(bench):
    """Ages, metallicities and velocities exactly on nodes: weights of 0 leave nothing behind."""
    setup(bench)
    bench.particles(stars((0.1, 0.1, 0, 0, 0, 0, 1e5, 1.0, 0.01), (0.6, 0.1, 0, 0, 0, 300.0, 1e5, 4.0, 0.02),
                          (0.6, 0.7, 0, 0, 0, -300.0, 1e5, 0.0, 0.0001)))
    par = dict(centre=(0.0, 0.0, 0.0), velocity="none")
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, **par)
    got = bench.cube(**{**fast(), "Centre": (0.0, 0.0, 0.0), "SystemicVelocity": "none"})
    within(got, want.cube, 1e-4)


def test_prepared_templates_are_kept(bench):
    """The second run reads what the first one prepared, to the bit; another galaxy, other ranks
    too; a broken file is made anew."""
    setup(bench)
    cache = bench.path("cache")
    par = fast(TemplateCache=cache)
    cold = bench.cube(**par)
    want = bits(bench.out)
    files = list(cache.iterdir())
    assert len(files) == 1 and files[0].stat().st_size > 1000
    stamp = files[0].stat().st_mtime_ns
    for ranks in (1, 3):
        bench.cube(ranks=ranks, Combine="histogram", **par)
        assert bits(bench.out) == want
    bench.particles(galaxy(150, seed=77, radius=1.0))
    other = bench.cube(**par)
    assert other["header"]["PRIMARY"]["ENGINE"] == "histogram"
    assert list(cache.iterdir()) == files and files[0].stat().st_mtime_ns == stamp
    setup(bench)
    with open(files[0], "r+b") as f:
        f.truncate(files[0].stat().st_size // 2)
    again = bench.cube(**par)
    assert bits(bench.out) == want and "warning" in again["run"].err and list(cache.iterdir()) == files
    assert cold["header"]["PRIMARY"]["CERTIFED"] == again["header"]["PRIMARY"]["CERTIFED"]


def test_a_flipped_bit_of_prepared_templates(bench):
    """Anywhere in the file, on any number of ranks, whoever multiplies the tile: told with the
    file's name, made anew, and the cube is the same to the bit."""
    setup(bench)
    cache = bench.path("cache")
    par = fast(TemplateCache=cache, Combine="histogram")
    bench.cube(**par)
    want, file = bits(bench.out), next(cache.iterdir())
    size, rng = file.stat().st_size, np.random.default_rng(3)
    # a page begins with numbers, and may end with padding
    for ranks, at in ((1, 30), (2, 200), (3, size - 4096), (1, size // 8192 * 4096), (2, size // 12288 * 4096)):
        with open(file, "r+b") as f:
            f.seek(at)
            old = f.read(1)
            f.seek(at)
            f.write(bytes([old[0] ^ 1 << int(rng.integers(8))]))
        got = bench.cube(ranks=ranks, **par)
        assert bits(bench.out) == want, f"byte {at} of {size}"
        assert str(file) in got["run"].err, got["run"].err
        assert "cannot be used" in got["run"].err, got["run"].err
        assert list(cache.iterdir()) == [file], got["run"].err
        assert "cannot be used" not in bench.cube(ranks=ranks, **par)["run"].err


def test_a_cache_that_cannot_be_had(bench):
    setup(bench)
    file = bench.path("not-a-folder")
    file.write_text("here")
    got = bench.cube(**fast(TemplateCache=file))
    assert "not-a-folder" in got["run"].err and got["header"]["PRIMARY"]["ENGINE"] == "histogram"


def test_two_jobs_share_a_cache(bench):
    from threading import Thread
    setup(bench)
    cache, results = bench.path("cache"), []
    files = [bench.parameters(**fast(TemplateCache=cache)) for _ in range(3)]
    jobs = [Thread(target=lambda p=p: results.append(run("cubix", [p], cwd=bench.folder))) for p in files]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert all(r.status == 0 for r in results) and len(results) == 3
    want = bits(bench.path("out1.fits"))
    assert bits(bench.path("out2.fits")) == want and bits(bench.path("out3.fits")) == want
    assert len(list(cache.iterdir())) == 1


def test_hdf5_and_fits_hold_the_same(bench):
    import h5py
    setup(bench)
    both = f"{bench.path('a.fits')},{bench.path('a.hdf5')}"
    done = run("cubix", [bench.parameters(**fast(OutputFile=both, Combine="histogram"))], ranks=3, cwd=bench.folder)
    assert done.status == 0, done.err
    cube = read_cube(bench.path("a.fits"))
    with h5py.File(bench.path("a.hdf5")) as f:
        assert np.array_equal(f["DATA"][:], cube["DATA"].astype("f4")) and np.array_equal(f["DQ"][:], cube["DQ"])
