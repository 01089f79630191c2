"""SSP models of Maraston et al. 2020 (MNRAS 496, 2962) from MaStar spectra, v1.0, as sdss-mangadap carries
them.

One file per population, MaStar-SSP-A09.000-Z+0.00.fits.gz: age in Gyr and [Z/H]; CTYPE1 = WAVE-LOG, in
vacuum; the extension SRES holds R = lambda/FWHM at every wavelength, 1410 to 2401; Salpeter IMF
(mangadap/data/spectral_templates/mastar_ssp_v1.0/README, mangadap/config/spectral_templates/ mastar_ssp.ini).
The spectra are normalised: they have lost the luminosity per solar mass.  Such a library gives every star, of
whatever age, the same light, so it is refused unless --accept-normalised says that only the shape of the
spectra will be used.
"""
import os
import re

import numpy as np

from . import grid, light, spectra
from .canonical import Library
from .fault import INPUT, Fault

NAME = re.compile(r"^MaStar-SSP-A(?P<age>\d+\.\d+)-Z(?P<zh>[+-]\d+\.\d+)\.fits(\.gz)?$")
Z_SUN = 0.02               # of Maraston's models (Maraston 2005, MNRAS 362, 799)


def convert(inputs, asked):
    asked.refuse_but("mastar", "z_sun", "accept_normalised")
    if not asked.accept_normalised:
        raise Fault(INPUT,
                    "mastar: the MaStar models v1.0 are normalised and have no luminosity per solar mass: every "
                    "star, of "
                    "10 Myr or 10 Gyr, would shine alike. Take another library, or give --accept-normalised if only "
                    "the shape of "
                    "the spectra matters")
    z_sun = asked.z_sun(Z_SUN, "Maraston 2005")
    populations, wave, fwhm = {}, None, None
    for path in grid.files_of(inputs, "MaStar-SSP-*.fits*", "mastar"):
        match = NAME.match(os.path.basename(path))
        if not match:
            raise Fault(INPUT,
                        "%s: the name is not one of these models (like MaStar-SSP-A09.000-Z+0.00.fits.gz)" % path)
        header, flux, resolution = spectra.read(path, "SRES")
        mine = spectra.axis(header, flux.size, path)
        if not np.all(resolution > 0):
            raise Fault(INPUT, "%s: SRES must be above 0" % path)
        if wave is None:
            wave, fwhm = mine, mine / resolution
        spectra.same_axis(wave, mine, path)
        fwhm = np.maximum(fwhm, mine / resolution)          # one width serves all populations
        z = float("%.6g" % (z_sun * 10.0 ** float(match.group("zh"))))
        grid.add(populations, z, float(match.group("age")), flux, path)
    zs, ages = grid.rectangle(populations, asked.say)
    asked.say("warning: NORMALISED LIBRARY. Fluxes, masses and ages of a cube made with it mean nothing; only "
              "spectral shapes do")
    near = (wave > 5300.0) & (wave < 5600.0)
    luminosity = np.stack([[_unit(populations[z, age][0], near) for age in ages] for z in zs]) * 1e-5 * light.LSUN
    tables = {"Age": np.array(ages), "Metallicity": np.array(zs), "Wavelength": wave,
              "Luminosity": luminosity.astype(np.float32),
              "LsfFwhm": fwhm}
    texts = {"Name": "MaStar SSP v1.0, NORMALISED", "IMF": "Salpeter 1955, slope 2.35", "SourceMedium": "vacuum",
             "Program": "cubix-ssp convert mastar", "Reference": "Maraston et al. 2020, MNRAS 496, 2962",
             "Licence": "the package sdss-mangadap that carries it is BSD-3; the models are from "
                        "https://www.icg.port.ac.uk/MaStar"}
    return Library(tables, texts, light.LSUN, demo=1,
                   notes={"Luminosity": "NORMALISED: every spectrum is 1e-5 Lsun/AA between 5300 and 5600 AA; shapes "
                                        "only"})


def _unit(flux, near):
    return np.maximum(flux, 0.0) / flux[near].mean()
