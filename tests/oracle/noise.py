"""Section 10: variances (the draws are tested by their statistics)."""
import math

import numpy as np

from .constants import HC


def variance(inst, flux, time, unit):
    """flux: [n_lambda][n_y][n_x] in units of `unit` [erg/s/cm2/AA] -> variance in that unit squared."""
    lam = inst.centres()[:, None, None]
    gain = inst.area * inst.throughput(lam) * time * inst.widths()[:, None, None] * lam / HC      # electrons per erg/s/cm2/AA
    n_exp = math.ceil(time / inst.exposure) if math.isfinite(inst.exposure) else 1
    sky = gain * inst.sky(lam) * inst.pixel_x * inst.pixel_y * (1.0 + (1.0 / inst.n_sky if inst.n_sky > 0 else 0.0))
    electrons = gain * flux * unit + sky + inst.n_pixel * inst.dark * time + inst.n_pixel * n_exp * inst.read_noise**2
    return np.where(inst.inside(), electrons / (gain * unit)**2, 0.0)
