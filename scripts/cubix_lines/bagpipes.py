"""The Cloudy grids of bagpipes (Carnall et al. 2018): bc03_miles_nebular_line_grids*.fits.

One image per log U and metallicity, ZMET_1.000_LOGU_-3.0 [ages + 1][lines + 1] in Lsun per solar mass formed, with
ages [yr] in the first column and wavelengths in the first row, above 2000 AA in air (Z_sun = 0.02 in that package).  They belong to
the package's BC03 spectra: divided by the ionising photons of these, bc03_miles_stellar_grids.fits, they are what a
table of lines holds; Ha is 1.37e-12 erg per photon to some 10 % then.  Ages end at 10 Myr here.  The metallicity
5 Z_sun is left out: the model's gas is so cold there that it ends within the ionised region, and Ha is 17 times too
faint."""
import os
import re

import numpy as np

from cubix_ssp import bagpipes as stars, light
from cubix_ssp.fault import INPUT, Fault, reading

from . import canonical, wavelengths

OLDEST = 1.02e7      # yr
TOO_COLD = 0.5       # of case B: a metallicity whose Ha is below that at all ages is left out
CASE_B = 1.37e-12


def convert(inputs, say):
    grids = [name for name in inputs if "line_grids" in os.path.basename(name)]
    spectra = [name for name in inputs if "stellar_grids" in os.path.basename(name)]
    if len(grids) != 1 or len(spectra) != 1:
        raise Fault(INPUT, "bagpipes: bc03_miles_nebular_line_grids*.fits and bc03_miles_stellar_grids.fits are needed")
    z, u, age, wave, per_mass = _read(grids[0])
    library = stars.convert(spectra, _Asked())
    photons = _photons(library, z * stars.Z_SUN, age / 1e9)
    per_photon = per_mass * light.LSUN / photons[:, None, :, None]
    wave = np.where(wave > 2000.0, light.air_to_vacuum(np.maximum(wave, 2000.0)), wave)
    elements = [_element(at) for at in wave]
    keep = np.array([name is not None for name in elements])
    names, vacuum, mass, _, known = wavelengths.identify(wave[keep], [name for name in elements if name])
    order = np.argsort(vacuum)
    names, per_photon = [names[i] for i in order], per_photon[..., keep][..., order]
    if "Ha" not in names:
        raise Fault(INPUT, "%s has no Ha" % grids[0])
    alpha = per_photon[..., names.index("Ha")]
    warm = alpha.reshape(z.size, -1).max(axis=1) > TOO_COLD * CASE_B
    for i in np.flatnonzero(~warm):
        say("Z = %g is left out: Ha is %.2g erg per photon at most, case B %.3g" % (z[i] * stars.Z_SUN, alpha[i].max(),
                                                                                 CASE_B))
    tables = {"Metallicity": z[warm] * stars.Z_SUN, "LogU": u, "Age": age / 1e9, "Wavelength": vacuum[order],
              "IonMass": mass[order], "Luminosity": canonical.floor(per_photon[warm], names)}
    texts = {"Name": "bagpipes, Cloudy with BC03 2016 MILES", "Program": "cubix-lines convert bagpipes",
             "Reference": "Carnall et al. 2018, MNRAS 480, 4379; Cloudy (Ferland et al. 2017); BC03: Bruzual & Charlot "
                          "2003, MNRAS 344, 1000",
             "Licence": "the package is GPL-3.0"}
    say("%d lines, those whose wavelengths are known" % len(names))
    return canonical.Table(tables, names, texts, stars.Z_SUN, 0.0)


class _Asked:
    """Nothing that a user could state."""

    def refuse_but(self, name, *known):
        pass


def _element(wave):
    """Of a line whose wavelength is known; others are left out, since the file does not name ions."""
    near = [row for row in wavelengths.KNOWN if abs(wave / row[1] - 1) < wavelengths.WIDER.get(row[0], wavelengths.NEAR)]
    return min(near, key=lambda row: abs(wave - row[1]))[2] if near else None


def _photons(library, metallicity, age):
    """Photons/s per Msun formed [metallicity][age], linear in log age and log Q."""
    if not np.allclose(library["Metallicity"], metallicity, rtol=1e-6):
        raise Fault(INPUT, "bagpipes: the metallicities of lines and stars differ: files of two versions?")
    log_q = np.log(library["IonizingPhotons"])
    return np.exp([np.interp(np.log(age), np.log(library["Age"]), row) for row in log_q])


def _read(path):
    """Metallicities [Z_sun], log U, ages [yr], wavelengths, luminosities [Lsun/Msun]."""
    from astropy.io import fits
    images = {}
    with reading(path, "cannot be read as FITS"), fits.open(path, memmap=False) as hdus:
        for hdu in hdus:
            found = re.match(r"ZMET_([\d.]+)_LOGU_(-?[\d.]+)$", hdu.name.upper())
            if found:
                images[float(found.group(1)), float(found.group(2))] = np.asarray(hdu.data, float)
    z, u = np.unique([key[0] for key in images]), np.unique([key[1] for key in images])
    if not images or len(images) != z.size * u.size:
        raise Fault(INPUT, "%s holds no ZMET_*_LOGU_* of every metallicity and log U: not bagpipes' grid of lines" % path)
    first = images[z[0], u[0]]
    age, wave = first[1:, 0], first[0, 1:]
    if any(image.shape != first.shape for image in images.values()) or not np.all(np.isfinite(list(images.values()))):
        raise Fault(INPUT, "%s: its images differ in shape, or hold what is not finite" % path)
    young = np.flatnonzero(age <= OLDEST)
    per_mass = np.array([[images[one, two][1:, 1:][young] for two in u] for one in z])
    return z, u, age[young], wave, per_mass
