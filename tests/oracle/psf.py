"""Section 9: kernels and the convolution of every channel, cropped to the field."""
import functools
import math

import numpy as np
from scipy.signal import fftconvolve
from scipy.special import erf

from .constants import FWHM


def _width(fwhm, beta):
    return fwhm / (2.0 * math.sqrt(2.0**(1.0 / beta) - 1.0))


def _beta(inst, lam):
    return float(inst.psf_beta(lam)) if callable(inst.psf_beta) else inst.psf_beta


def cut(inst):
    """Where kernels are cut [spaxels], for the channel with the widest one: a real number."""
    widest = 0.0
    for lam, fwhm in zip(inst.centres(), inst.psf_fwhm(inst.centres())):
        if inst.psf == "gaussian":
            r = 2.5 * fwhm
        else:
            beta = _beta(inst, lam)
            r = min(_width(fwhm, beta) * math.sqrt(0.001**(1.0 / (1.0 - beta)) - 1.0), 8.0 * fwhm)
        widest = max(widest, r)
    return widest / math.sqrt(inst.psf_axis_ratio) / min(inst.pixel_x, inst.pixel_y)


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


@functools.lru_cache
def _gauss(n):
    return np.polynomial.legendre.leggauss(n)


def _points(inst, fwhm, profile, half):
    """A function of r^2 by Gauss-Legendre points in every spaxel; r^2 is that of a round one of the same area, in
    coordinates along and across the major axis, which lies angle from up (north) to the left (east)."""
    ratio, angle = inst.psf_axis_ratio, math.radians(inst.psf_angle)
    fine = ratio < 1 and fwhm * math.sqrt(ratio) < max(inst.pixel_x, inst.pixel_y)
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    for j in range(-half, half + 1):
        for i in range(-half, half + 1):
            t, w = _gauss(32 if fine or max(abs(i), abs(j)) <= 1 else 8)
            east, north = -(i + 0.5 * t[None, :]) * inst.pixel_x, (j + 0.5 * t[:, None]) * inst.pixel_y
            along = east * math.sin(angle) + north * math.cos(angle)
            across = east * math.cos(angle) - north * math.sin(angle)
            kernel[j + half, i + half] = w @ profile(ratio * along**2 + across**2 / ratio) @ w
    return kernel


def kernel(inst, lam, half, end):
    """That at the wavelength lam."""
    fwhm, beta = float(inst.psf_fwhm(np.array([lam]))[0]), _beta(inst, lam)
    if inst.psf == "moffat":
        k = _points(inst, fwhm, lambda r2: (1.0 + r2 / _width(fwhm, beta)**2)**-beta, half)
    elif inst.psf_axis_ratio < 1:
        k = _points(inst, fwhm, lambda r2: np.exp(-4 * math.log(2) * r2 / fwhm**2), half)
    else:
        k = _gaussian(inst, fwhm, half)
    k *= np.outer(_rim(half, end), _rim(half, end))
    return k / k.sum()


def margin(inst):
    if inst.psf == "none":
        return 0
    if inst.psf == "file":
        return max(inst.psf_kernel.shape) // 2
    return math.ceil(cut(inst))


def _kernels(inst):
    """One kernel per channel."""
    lam = inst.centres()
    if inst.psf == "file":
        return [inst.psf_kernel / inst.psf_kernel.sum()] * len(lam)
    half, fwhm, end = margin(inst), inst.psf_fwhm(lam), cut(inst)
    beta = np.array([_beta(inst, x) for x in lam])
    n_node = 1 + math.ceil((math.log(fwhm.max() / fwhm.min()) + math.log(beta.max() / beta.min())) / 0.005)
    if n_node == 1:
        return [kernel(inst, lam[0], half, end)] * len(lam)
    node = np.linspace(0, len(lam) - 1, n_node)                         # evenly over the channels
    at = lam[0] * (lam[1] / lam[0])**node if inst.grid == "log" else np.interp(node, np.arange(len(lam)), lam)
    table = [kernel(inst, x, half, end) for x in at]
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
