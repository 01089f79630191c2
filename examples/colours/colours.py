#!/usr/bin/env python3
"""AB magnitudes and a colour of a cube: of the whole galaxy, in rings, and in every spaxel.

    colours.py CUBE.fits BLUE RED [--rings N] [--map OUT.fits]

BLUE and RED are passbands: FILE, two columns of Angstrom and transmission (as the SVO Filter Profile Service has
them), or two wavelengths such as 5000-5600 for a box.  Magnitudes are those of a detector that counts photons,

    m = -2.5 lg( sum F T lambda dlambda / sum T c/lambda dlambda ) - 48.60,    F in erg/s/cm2/AA, c in AA/s,

over the channels of the cube.  CUBE is of CUBIX, in the layouts plain, muse, manga or sami; what is outside the
aperture is left out.  Absolute magnitudes have no K correction: the passbands are those of the observer.
"""
import argparse
import re

import numpy as np
from astropy.io import fits

C = 2.99792458e18                     # AA/s
ZERO = -48.60                         # AB: 3631 Jy (Oke & Gunn 1983)


class Cube:
    def __init__(self, path):
        with fits.open(path) as hdus:
            flux = next(hdu for hdu in hdus if hdu.is_image and hdu.header["NAXIS"] == 3)
            power = re.match(r"10\*\*\((-?\d+)\)\*erg/s/cm\*\*2/Angstrom", flux.header["BUNIT"])
            if not power:
                raise SystemExit(f"{path}: BUNIT is {flux.header['BUNIT']}, not erg/s/cm2/AA: make the cube with "
                                 "Layout plain")
            self.flux = np.nan_to_num(flux.data.astype(float)) * 10.0**int(power.group(1))
            self.lam, self.width = hdus["LSF"].data["WAVELENGTH"], hdus["LSF"].data["WIDTH"]
            self.modulus = 5 * np.log10(hdus[0].header["DISTANCE"] * 1e5)
            head = flux.header
            sky = re.compile(r"(CTYPE|CUNIT|CRVAL|CRPIX|CD._)[12]")
            self.head = fits.Header({key: head[key] for key in head if sky.fullmatch(key)})
            cd = 3600 * np.array([[head[f"CD{i}_{j}"] for j in (1, 2)] for i in (1, 2)])      # arcsec a spaxel
            y, x = np.indices(self.flux.shape[1:])
            dx, dy = x + 1 - head["CRPIX1"], y + 1 - head["CRPIX2"]
            self.radius = np.hypot(cd[0, 0] * dx + cd[0, 1] * dy, cd[1, 0] * dx + cd[1, 1] * dy)
            self.area = abs(np.linalg.det(cd))


def passband(text, cube):
    """Transmission in the channels."""
    box = re.fullmatch(r"([\d.]+)-([\d.]+)", text)
    if box:
        low, high = map(float, box.groups())
        covered = np.minimum(high, cube.lam + cube.width / 2) - np.maximum(low, cube.lam - cube.width / 2)
        through = np.clip(covered / cube.width, 0, 1)
    else:
        lam, transmission = np.loadtxt(text, usecols=(0, 1), unpack=True)
        through = np.interp(cube.lam, lam, transmission, left=0, right=0)
        seen = transmission > 0.01 * transmission.max()
        low, high = lam[seen][0], lam[seen][-1]
    if low < cube.lam[0] - cube.width[0] or high > cube.lam[-1] + cube.width[-1]:
        raise SystemExit(f"{text}: the cube ends at {cube.lam[0]:.0f} and {cube.lam[-1]:.0f} AA, the passband at "
                         f"{low:.0f} and {high:.0f}")
    return through


def magnitude(flux, through, cube):
    """@param flux [n_lambda, ...] erg/s/cm2/AA"""
    weight = through * cube.lam * cube.width
    f_nu = np.tensordot(weight, flux, 1) / np.sum(through * C / cube.lam * cube.width)
    with np.errstate(divide="ignore", invalid="ignore"):
        return -2.5 * np.log10(np.where(f_nu > 0, f_nu, np.nan)) + ZERO


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cube")
    parser.add_argument("blue")
    parser.add_argument("red")
    parser.add_argument("--rings", type=int, default=5)
    parser.add_argument("--map", help="FITS file for the maps of colour and magnitude")
    words = parser.parse_args()
    cube = Cube(words.cube)
    through = [passband(text, cube) for text in (words.blue, words.red)]

    def row(name, flux):
        blue, red = (float(magnitude(flux, one, cube)) for one in through)
        print(f"{name:18s} {blue:8.3f} {red:8.3f} {blue - red:8.3f} {red - cube.modulus:9.3f}")

    print(f"{'':18s} {'blue':>8s} {'red':>8s} {'colour':>8s} {'M (red)':>9s}")
    row("all", cube.flux.sum(axis=(1, 2)))
    edges = np.linspace(0, cube.radius.max() / np.sqrt(2), words.rings + 1)
    for low, high in zip(edges, edges[1:]):
        inside = (cube.radius >= low) & (cube.radius < high)
        if inside.any():
            row(f"{low:.1f} to {high:.1f} arcsec", cube.flux[:, inside].sum(axis=1))
    if words.map:
        blue, red = (magnitude(cube.flux, one, cube) for one in through)
        red_per_arcsec2 = red + 2.5 * np.log10(cube.area)
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(blue - red, cube.head, "COLOUR"),
                fits.ImageHDU(red_per_arcsec2, cube.head, "RED")]
        hdus[1].header["BUNIT"] = "mag"
        hdus[2].header["BUNIT"] = "mag/arcsec**2"
        fits.HDUList(hdus).writeto(words.map, overwrite=True)


if __name__ == "__main__":
    main()
