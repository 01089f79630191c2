"""What Synthesizer computes for a star, in numpy and float64, and the way from there to CUBIX's formulas, one by one.

Synthesizer 1.3.1 carries L_nu: the grid is resampled to the channels as if every point of it were the height of a step,
a star's spectrum is mixed bilinearly in log age and log Z, and each channel's value goes to the two channels on either
side of lambda (1 + v/c), in straight-line shares.
"""
import numpy as np

import formulas
from galaxy import C_KMS
from library import C_AA

STEPS = (("exact", "the library's wavelengths are shifted, then resampled to the channels: no sharing among channels"),
         ("dimmed", "L_lambda divided by exp(v/c) instead of L_nu carried along (L_lambda by (1 + v/c)^3)"))


def edges(wave):
    """Borders halfway between the points; at the ends, as far out as in."""
    middle = 0.5 * (wave[1:] + wave[:-1])
    return np.concatenate(([1.5 * wave[0] - 0.5 * wave[1]], middle, [1.5 * wave[-1] - 0.5 * wave[-2]]))


def resample(new, wave, value):
    """Means over the new channels of steps of these heights; 0 where a channel is not wholly inside."""
    old, want = edges(wave), edges(new)
    sums = np.concatenate(([0.0], np.cumsum(value * np.diff(old))))
    out = np.diff(np.interp(want, old, sums)) / np.diff(want)
    return np.where((want[:-1] < old[0]) | (want[1:] > old[-1]), 0.0, out)


def shift(wave, value, factor):
    """Every value to the two points of `wave` on either side of factor * wave."""
    upper = np.clip(np.searchsorted(wave, wave * factor, side="right"), 1, len(wave) - 1)
    share = (wave * factor - wave[upper - 1]) / (wave[upper] - wave[upper - 1])
    kept = (wave * factor >= wave[0]) & (wave * factor <= wave[-1])
    out = np.zeros_like(value)
    np.add.at(out, upper[kept] - 1, ((1 - share) * value)[kept])
    np.add.at(out, upper[kept], (share * value)[kept])
    return out


def cube(library, stars, v, spaxel, redshift, wide, inner, step):
    """{spaxel: L_lambda / (1+z) in the channels `inner` of `wide` (at rest)}, in the library's unit.  step: "own", or
    one of STEPS: that and those before it are done CUBIX's way."""
    out = {}
    for k in range(len(stars["mass"])):
        value = library.spectrum(stars["age"][k], stars["z"][k]) * library.wave**2 / C_AA          # L_nu
        if step == "own":
            value = shift(wide, resample(wide, library.wave, value), 1 + v[k] / C_KMS)
        elif step == "exact":
            value = resample(wide, library.wave * (1 + v[k] / C_KMS), value / (1 + v[k] / C_KMS))
        else:
            factor = np.exp(v[k] / C_KMS)
            # L_lambda of the shifted star, handed on as L_nu
            value = resample(wide, library.wave * factor, value / library.wave**2 / factor) * wide**2
        row = out.setdefault(int(spaxel[k]), np.zeros(inner.stop - inner.start))
        row += stars["mass"][k] * (value * C_AA / wide**2)[inner] / (1 + redshift)
    return out


def ladder(library, stars, v, spaxel, redshift, centre, margin):
    """[(what changed, cube)] from Synthesizer to CUBIX (whose channels are integrals of splines)."""
    step = centre[1] - centre[0]
    wide = (centre[0] + step * np.arange(-margin, len(centre) + margin)) / (1 + redshift)
    inner = slice(margin, margin + len(centre))
    rows = [("Synthesizer's own", cube(library, stars, v, spaxel, redshift, wide, inner, "own"))]
    rows += [(text, cube(library, stars, v, spaxel, redshift, wide, inner, name)) for name, text in STEPS]
    rows.append(("channels: integrals of cubic splines instead of steps (CUBIX)",
                 formulas.cube(library, stars, v, spaxel, redshift, centre)))
    return rows
