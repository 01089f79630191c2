"""Section 6, LSF: templates broadened from their own to the instrument's resolution, by Gauss-Legendre quadrature."""
import numpy as np

from . import spectral, ssp
from .constants import FWHM

X, W = np.polynomial.legendre.leggauss(20)


def extra_sigma2(lib, z, inst):
    """s^2 [AA^2 observed] at every library point."""
    observed = (1 + z) * lib.lam
    own = spectral.vacuum_to_air(observed) if inst.medium == "air" else observed
    pixel = inst.width_at(own)**2 / 12.0 if inst.lsf_pixel_included else 0.0
    if inst.lsf_shape == "sinc":
        return (inst.lsf_fwhm(own) / FWHM)**2               # whole, whatever the template has already
    return (inst.lsf_fwhm(own) / FWHM)**2 - pixel - ((1 + z) * lib.lsf_fwhm / FWHM)**2


def broaden(lib, z, inst, semantic, points=None):
    """Broadened luminosities, same shape as the library's.  points: only these library points (the
    others stay as they are)."""
    if inst.lsf_fwhm is None:
        return lib.luminosity
    lam = lib.lam
    flat = lib.luminosity.reshape(-1, len(lam)).T
    template = ssp.between(lam, flat, semantic)
    s2 = extra_sigma2(lib, z, inst)
    out = flat.copy()
    for k in np.flatnonzero(s2 > 0) if points is None else points:
        if s2[k] <= 0:
            continue
        s = np.sqrt(s2[k]) / (1 + z)
        zero = s * FWHM / 1.2067091288032284                # of a sinc of the same FWHM
        reach = 20 * zero if inst.lsf_shape == "sinc" else 6 * s
        lo, hi = max(lam[k] - reach, lam[0]), min(lam[k] + reach, lam[-1])
        n_sub = max(1, int(np.ceil((hi - lo) / s)))
        cut = np.union1d(lam[(lam > lo) & (lam < hi)], np.linspace(lo, hi, n_sub + 1))
        half, mid = 0.5 * np.diff(cut), 0.5 * (cut[1:] + cut[:-1])
        y = (mid[:, None] + half[:, None] * X).ravel()
        g = (half[:, None] * W).ravel() * (np.sinc((y - lam[k]) / zero) if inst.lsf_shape == "sinc" else
                                           np.exp(-0.5 * ((y - lam[k]) / s)**2))
        out[k] = (g @ template(y)) / g.sum()
    return out.T.reshape(lib.luminosity.shape)
