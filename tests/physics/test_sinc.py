"""The line spread function of a Fourier transform spectrograph."""
import re

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

from harness import assert_close, galaxy, local_level, stars, within
from oracle import cube as oracle
from oracle import lines, maps, psf
from physics.test_lines import PLAIN, Z, close_to_peak, gas_of, setup, want_of


def test_a_sharp_line_has_the_sincs_width_and_lobes(bench):
    """A line 0.1 AA wide in channels of 0.25 AA: the FWHM is the one stated, and the first lobe has -0.217 of the
    peak (the least value of sin(x)/x)."""
    lam, at, fwhm = np.arange(4900.0, 5100.0, 0.05), 5000.0, 3.0
    line = np.exp(-0.5 * ((lam - at) / 0.05)**2) * 1e30
    bench.instrument(3, 3, 1.0, lam=(4950.0, 5050.0, 0.25), lsf_curve=(fwhm,), lsf_shape="sinc",
                     lsf_pixel_included=False)
    bench.ssp(lam=lam, luminosity=np.broadcast_to(line + 1e27, (5, 6, len(lam))))
    bench.particles(stars((0, 0, 0, 0, 0, 0, 1e6, 4.0, 0.02)))
    got = bench.cube("cubix64", Redshift=1e-9, Distance=10.0, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none")
    y, x = got["DATA"][:, 1, 1], bench.inst.centres()
    y = y - np.median(y[:40])
    y = y / y.max()
    zero = fwhm / 1.2067091288032284
    want = np.array([quad(lambda u: np.sinc((u - at) / zero), c - 0.125, c + 0.125)[0] / 0.25 for c in x])
    near = np.abs(x - at) < 12 * zero
    assert within(y[near], (want / want.max())[near], rtol=0, atol=5e-3)
    half = np.interp(0.5, y[x <= at], x[x <= at]), np.interp(-0.5, -y[x >= at], x[x >= at])
    assert within(half[1] - half[0], fwhm, rtol=0.01)
    assert abs(y[near].min() + 0.2172) < 0.005
    assert got["header"]["PRIMARY"]["LSF"] == "sinc"


def test_what_the_template_has_beside_the_sinc_is_told(bench):
    """A template's Gaussian of 2 AA and a sinc of 4 AA make 4.20 AA, not the 4.47 of a sum of squares; the cube has it, and
    table LSF and the log say it."""
    lam, at, own, fwhm = np.arange(4900.0, 5100.0, 0.1), 5000.0, 2.0, 4.0
    line = np.exp(-0.5 * ((lam - at) * 2.3548 / own)**2) * 1e30
    bench.instrument(3, 3, 1.0, lam=(4950.0, 5050.0, 0.25), lsf_curve=(fwhm,), lsf_shape="sinc",
                     lsf_pixel_included=False)
    bench.ssp(lam=lam, luminosity=np.broadcast_to(line + 1e27, (5, 6, len(lam))), fwhm=own)
    bench.particles(stars((0, 0, 0, 0, 0, 0, 1e6, 4.0, 0.02)))
    got = bench.cube("cubix64", Redshift=1e-9, Distance=10.0, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none")
    y, x = got["DATA"][:, 1, 1], bench.inst.centres()
    y = (y - np.median(y[:40])) / (y.max() - np.median(y[:40]))
    half = np.interp(0.5, y[x <= at], x[x <= at]), np.interp(-0.5, -y[x >= at], x[x >= at])
    assert within(half[1] - half[0], 1.05 * fwhm, rtol=0.008)               # the convolution, done numerically
    stated = got["LSF"]["FWHM_CUBE"][len(x) // 2]
    assert within(stated, half[1] - half[0], rtol=0.008)
    text, = [row for row in (got["run"].out + got["run"].err).splitlines() if "is not sharpened" in row]
    assert "has a width beside the line spread function's sinc" in text
    percent = float(re.search(r"up to (\S+) %", text)[1])
    assert abs(percent - 5.0) < 0.4, text


def by_samples(inst, mu, zero, own):
    """What of a line falls into each channel: sinc and Gaussian on a fine grid, convolved, and added up."""
    side = int(np.ceil(20 * zero / min(0.01, 0.005 * zero)))
    step = 20 * zero / side
    sinc = np.sinc(np.arange(-side, side + 1) * step / zero)
    half = int(9 * own / step) + 1
    gauss = np.exp(-0.5 * (np.arange(-half, half + 1) * step / own)**2)
    profile = np.convolve(sinc, gauss)
    x = (np.arange(len(profile)) - side - half) * step
    total = CubicSpline(x, profile).antiderivative()
    return np.diff(total(np.clip(inst.edges() - mu, x[0], x[-1]))) / total(x[-1])


@pytest.mark.parametrize("fwhm", [0.6, 2.2, 22.0, 90.0])
def test_a_line_of_any_width(bench, fwhm):
    """Far narrower than the gas and far broader, and ending within the band and beyond it."""
    g = {"pos": np.zeros((1, 3)), "vel": np.array([[0, 0, 37.3]]), "amount": np.ones(1), "z": np.array([0.0012]),
         "length": np.ones(1)}
    setup(bench, g, n_x=1, n_y=1, lsf_curve=(fwhm,), lsf_shape="sinc", lsf_pixel_included=False,
          s=stars((0, 0, 0, 0, 0, 0, 1e6, 4.0, 0.02)))
    exact, grid = (bench.cube("cubix64", LineTurbulence=30.0, Engine=engine, **PLAIN) for engine in ("direct", "histogram"))
    t, want = lines.demo(), 0
    for name, lam, own in zip(t.names, t.lam, lines.sigma(t, 30.0)):
        mu = lam * (1 + Z) * np.exp(37.3 / 299792.458)
        if f"LINE_{name}" in exact:
            want = want + exact[f"LINE_{name}"][0, 0] * by_samples(bench.inst, mu, fwhm / 1.2067091288032284,
                                                                   mu * own / 299792.458)
    assert within(exact["DATA"][:, 0, 0], want, rtol=0, atol=3e-6 * want.max())
    assert within(grid["DATA"][:, 0, 0], want, rtol=0, atol=1e-4 * want.max())


SINC = dict(lsf_curve=(-18.0, 3.1e-3), lsf_shape="sinc", lsf_pixel_included=False, medium="air")
DEPOSITS = ["cic", "tsc", "gaussian", "cubic", "wendland"]


def length_of(deposit):
    return dict(SmoothingLength=0.5) if deposit in ("gaussian", "cubic", "wendland") else {}


@pytest.mark.parametrize("deposit", DEPOSITS)
def test_deposits_of_lines(bench, deposit):
    g = setup(bench, psf="gaussian", psf_curve=(1.1,), **SINC)
    cube, flux = want_of(bench, g, lines.demo(), deposit=deposit, length=0.5)
    for engine in ("direct", "histogram"):
        got = bench.cube("cubix64", Engine=engine, Deposit=deposit, **length_of(deposit), **PLAIN)
        close_to_peak(got["DATA"], psf.apply(bench.inst, cube), 1e-4)
        assert within(got["LINE_Ha_OBS"], maps.see(bench.inst, flux[lines.demo().names.index("Ha")]), rtol=2e-4,
                      atol=1e-12 * flux.max())


@pytest.mark.parametrize("deposit", DEPOSITS)
@pytest.mark.parametrize("fwhm", [None, 30.0])
def test_deposits_of_stars(bench, deposit, fwhm):
    curve = dict(lsf_curve=(fwhm,)) if fwhm else dict(lsf_curve=(-13.0, 3e-3))
    bench.instrument(10, 9, 0.5, lam=(5000.0, 5119.0, 1.0), **{**SINC, **curve})
    bench.ssp("mixed", fwhm=1.5, **({"lo": 3600.0, "hi": 6400.0} if fwhm else {}))
    bench.particles(galaxy(200, seed=3, radius=1.6), redshift=0.1)
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, 0.05, deposit=deposit, length=0.5)
    table = deposit in ("cubic", "wendland")                               # kernels come from one
    level, rtol = local_level(want.cube), 2e-4 if table else 1e-11
    if table:
        level = np.maximum(level, 0.01 * np.abs(want.cube).max(axis=(1, 2), keepdims=True))
    got = bench.cube("cubix64", Redshift=0.05, Deposit=deposit, Engine="direct", **length_of(deposit))
    assert_close(got["DATA"], want.cube, rtol, level)
    got = bench.cube("cubix", Redshift=0.05, Deposit=deposit, Engine="histogram", **length_of(deposit))
    assert_close(got["DATA"], want.cube, max(rtol, 1e-3), level)
