"""Section 9: kernels and the convolution of every channel, cropped to the field."""
import math

import numpy as np
from scipy.signal import fftconvolve
from scipy.special import erf

from .constants import FWHM


def cut(inst, fwhm):
    """Where a kernel is cut [spaxels], for this largest FWHM [arcsec]: a real number."""
    if inst.psf == "gaussian":
        r = 2.5 * fwhm
    else:
        a = fwhm / (2.0 * math.sqrt(2.0**(1.0 / inst.psf_beta) - 1.0))
        r = min(a * math.sqrt(0.001**(1.0 / (1.0 - inst.psf_beta)) - 1.0), 8.0 * fwhm)
    return r / min(inst.pixel_x, inst.pixel_y)


def _rim(half, end):
    """Share of a kernel's rows -half .. half that counts."""
    t = np.clip(end + 1.0 - np.abs(np.arange(-half, half + 1)), 0.0, 1.0)
    return t**3 * (10.0 - 15.0 * t + 6.0 * t * t)


def _gaussian(inst, fwhm, half):
    sigma = fwhm / FWHM
    rows = []
    for pixel in (inst.pixel_y, inst.pixel_x):
        edge = (np.arange(-half, half + 2) - 0.5) * pixel / (sigma * math.sqrt(2.0))
        rows.append(0.5 * np.diff(erf(edge)))
    return np.outer(*rows)


def _moffat(inst, fwhm, half):
    a = fwhm / (2.0 * math.sqrt(2.0**(1.0 / inst.psf_beta) - 1.0))
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    for j in range(-half, half + 1):
        for i in range(-half, half + 1):
            x, w = np.polynomial.legendre.leggauss(32 if max(abs(i), abs(j)) <= 1 else 8)
            r2 = ((i + 0.5 * x[None, :]) * inst.pixel_x)**2 + ((j + 0.5 * x[:, None]) * inst.pixel_y)**2
            kernel[j + half, i + half] = w @ (1.0 + r2 / a**2)**-inst.psf_beta @ w
    return kernel


def kernel(inst, fwhm, half, end):
    k = (_gaussian if inst.psf == "gaussian" else _moffat)(inst, fwhm, half) * np.outer(_rim(half, end),
                                                                                        _rim(half, end))
    return k / k.sum()


def margin(inst):
    if inst.psf == "none":
        return 0
    if inst.psf == "file":
        return max(inst.psf_kernel.shape) // 2
    return math.ceil(cut(inst, float(np.max(inst.psf_fwhm(inst.centres())))))


def _kernels(inst):
    """One kernel per channel."""
    lam = inst.centres()
    if inst.psf == "file":
        return [inst.psf_kernel / inst.psf_kernel.sum()] * len(lam)
    half, fwhm = margin(inst), inst.psf_fwhm(lam)
    end = cut(inst, float(np.max(fwhm)))
    n_node = 1 + math.ceil(abs(math.log(fwhm.max() / fwhm.min())) / 0.005)
    if n_node == 1:
        return [kernel(inst, fwhm[0], half, end)] * len(lam)
    node = np.linspace(0, len(lam) - 1, n_node)                         # evenly over the channels
    at = lam[0] * (lam[1] / lam[0])**node if inst.grid == "log" else np.interp(node, np.arange(len(lam)), lam)
    table = [kernel(inst, float(inst.psf_fwhm(np.array([x]))[0]), half, end) for x in at]
    out = []
    for k in range(len(lam)):
        i = min(int(k / node[1]), n_node - 2)
        f = k / node[1] - i
        out.append((1 - f) * table[i] + f * table[i + 1])
    return out


def apply(inst, painted):
    """painted: [n_lambda][n_y + 2 R][n_x + 2 R] -> the field, convolved, zero outside the aperture."""
    if inst.psf == "none":
        out = painted
    else:
        r = margin(inst)
        out = np.array([fftconvolve(image, k, mode="same") for image, k in zip(painted, _kernels(inst))])
        out = out[:, r:r + inst.n_y, r:r + inst.n_x]
    return np.where(inst.inside() & inst.open()[:, None, None], out, 0.0)
