#!/usr/bin/env python3
"""Fit velocity and dispersion with pPXF in bins of an arcsec, and compare them with the cube's own truth maps.

    fit.py CUBE.fits TEMPLATES.npz [--bin ARCSEC] [--min-snr S/N]

CUBE is of CUBIX with noise, in MUSE's layout (DATA, STAT) or MaNGA's (FLUX, IVAR); TEMPLATES of
`cubix-ssp export ppxf`, in the cube's medium (--medium air for MUSE).  Writes CUBE-fit.txt, a row for each bin, and
prints mean and scatter of fit minus truth in classes of S/N.

Spectra and templates are read off splines.  Rebinned as steps, a library that is sampled every 0.9 AA is broadened:
a dispersion of 60 km/s comes out 6 km/s too small.
"""
import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")         # more only wait: matrices are small

import numpy as np
from astropy.io import fits
from ppxf.ppxf import ppxf
from ppxf.ppxf_util import varsmooth
from scipy.interpolate import CubicSpline

C = 299792.458                        # km/s
FWHM = np.sqrt(8 * np.log(2))         # of a Gaussian of sigma 1
BAND = 4650.0, 6500.0                 # that is fitted, AA at rest
MARGIN = 1.03                         # by which templates reach further: 9000 km/s
FINE = 0.25                           # AA: steps in which templates are broadened
CLASSES = (20, 40), (40, 80), (80, np.inf)


class Cube:
    """What the fit needs of a cube: spectra at rest in the fitted band, and the truth maps."""

    def __init__(self, path):
        with fits.open(path) as f:
            self.manga = "FLUX" in f
            self.flux = f["FLUX" if self.manga else "DATA"].data.astype(float)
            with np.errstate(divide="ignore"):
                self.variance = 1 / f["IVAR"].data.astype(float) if self.manga else f["STAT"].data.astype(float)
            self.spaxel = 3600 * abs(f[1].header["CD2_2"])
            redshift = f[0].header["REDSHIFT"]
            self.truth = {name + seen: f[name + seen].data
                          for name in ("LIGHT", "VEL_L", "SIG_L") for seen in ("_OBS", "")}
            self.lam = f["LSF"].data["WAVELENGTH"] / (1 + redshift)
            self.fwhm = f["LSF"].data["FWHM_CUBE"] / (1 + redshift)
            self.step = np.median(f["LSF"].data["WIDTH"])
        inside = (self.lam > BAND[0]) & (self.lam < BAND[1])
        self.lam, self.fwhm = self.lam[inside], self.fwhm[inside]
        self.flux, self.variance = self.flux[inside], self.variance[inside]

    def bins(self, arcsec):
        """Squares of spaxels, all of them in the aperture."""
        n = max(1, round(arcsec / self.spaxel))
        for y in range(0, self.flux.shape[1] - n + 1, n):
            for x in range(0, self.flux.shape[2] - n + 1, n):
                square = np.s_[..., y:y + n, x:x + n]
                if np.isfinite(self.variance[square]).all():
                    yield x, y, square

    def true_moments(self, square, seen):
        """Of all light in a bin: dispersion within spaxels, and between them."""
        light, v, sigma = (self.truth[name + seen][square] for name in ("LIGHT", "VEL_L", "SIG_L"))
        lit = light > 0
        light, v, sigma = light[lit], v[lit], sigma[lit]
        mean = np.average(v, weights=light)
        return mean, np.sqrt(np.average(sigma**2 + v**2, weights=light) - mean**2)


class Axis:
    """Wavelengths that are even in the logarithm: a cube's own channels, or steps of its reddest."""

    def __init__(self, lam):
        ratio = np.log(lam[1:] / lam[:-1])
        self.even = np.ptp(ratio) < 1e-3 * ratio[0]
        self.step = ratio.mean() if self.even else ratio.max()
        self.velscale = C * self.step
        self.lam = lam if self.even else self.between(lam[0], lam[-1])

    def between(self, first, last):
        return first * np.exp(self.step * np.arange(int(np.log(last / first) / self.step)))


def templates(path, cube, axis):
    """Some 50 populations, as broad as lines are in the cube, channels included."""
    with np.load(path) as f:
        some = np.flatnonzero((f["ages"] > 0.01) & (f["ages"] < 20))
        some = some[::max(1, len(some) // 10)]
        known, fwhm, light = f["lam"], f["fwhm"], f["templates"][:, some].reshape(len(f["lam"]), -1)
    lam = axis.between(BAND[0] / MARGIN, BAND[1] * MARGIN)
    if known[0] > lam[0] - 20 or known[-1] < lam[-1] + 20:
        raise SystemExit(f"{path}: {known[0]:.0f} to {known[-1]:.0f} AA do not cover {lam[0] - 20:.0f} to "
                         f"{lam[-1] + 20:.0f}: export a larger --range")
    fine = np.arange(lam[0] - 20, lam[-1] + 20, FINE)
    sigma = np.sqrt(np.maximum(np.interp(fine, cube.lam, cube.fwhm)**2 - np.interp(fine, known, fwhm)**2, 0)) / FWHM
    broad = varsmooth(fine, CubicSpline(known, light)(fine), sigma)
    return CubicSpline(fine, broad / broad.mean(axis=0))(lam), lam


def fit(cube, path, arcsec, min_snr):
    axis = Axis(cube.lam)
    spectra, lam_temp = templates(path, cube, axis)
    for x, y, square in cube.bins(arcsec):
        flux, variance = (a[square].sum(axis=(1, 2)) for a in (cube.flux, cube.variance))
        snr = np.median(flux / np.sqrt(variance)) / np.sqrt(cube.step)
        if snr < min_snr:
            continue
        galaxy, noise = flux, np.sqrt(variance)
        if not axis.even:
            galaxy, noise = CubicSpline(cube.lam, flux)(axis.lam), np.sqrt(np.interp(axis.lam, cube.lam, variance))
        level = np.median(galaxy)
        found = ppxf(spectra, galaxy / level, noise / level, axis.velscale, [0.0, 80.0], moments=2, degree=4,
                     lam=axis.lam, lam_temp=lam_temp, quiet=True)
        yield (x, y, snr, *found.sol[:2], *found.error[:2], *cube.true_moments(square, "_OBS"),
               *cube.true_moments(square, ""))


def report(rows):
    snr, v, sigma, v_error, sigma_error, v_seen, sigma_seen, v_raw, sigma_raw = rows.T[2:]
    print("fit - truth [km/s]: mean, scatter, and the error that pPXF states")
    for low, high in CLASSES:
        k = (snr >= low) & (snr < high)
        for name, a, error in (("VEL_L_OBS", v - v_seen, v_error), ("SIG_L_OBS", sigma - sigma_seen, sigma_error),
                               ("VEL_L", v - v_raw, v_error), ("SIG_L", sigma - sigma_raw, sigma_error)):
            if k.any():
                print(f"S/N {low:2d}-{high:<3.0f} {k.sum():4d} bins  {name:9s} {a[k].mean():+6.2f} {a[k].std():6.2f} "
                      f"{error[k].mean():6.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cube")
    parser.add_argument("templates")
    parser.add_argument("--bin", type=float, default=1.0, help="side of a bin [arcsec]")
    parser.add_argument("--min-snr", type=float, default=20.0, help="of bins that are fitted, per sqrt(AA)")
    words = parser.parse_args()
    rows = np.array(list(fit(Cube(words.cube), words.templates, words.bin, words.min_snr)))
    if not len(rows):
        raise SystemExit(f"{words.cube}: no bin has S/N {words.min_snr:g}: lower --min-snr or make bins larger")
    out = Path(words.cube).with_suffix("").name + "-fit.txt"
    np.savetxt(out, rows, fmt="%.3f", header="x y snr v sigma v_error sigma_error VEL_L_OBS SIG_L_OBS VEL_L SIG_L")
    report(rows)


if __name__ == "__main__":
    main()
