"""The line spread function of a Fourier transform spectrograph."""
import re

import numpy as np
from scipy.integrate import quad

from harness import stars, within


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
