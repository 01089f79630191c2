"""The SSP files of pPXF (Cappellari 2023, MNRAS 526, 3273), spectra_{emiles,fsps,galaxev,xsl}_9.0.npz, and
files of that layout.

templates [n_lambda][n_age][n_metal] in Lsun/AA, lam [AA], ages [Gyr], metals [[M/H]], masses [n_age][n_metal]
in stars and remnants, fwhm [AA], a number or one per wavelength (ppxf/sps_util.py, sps_lib).  The files state
neither medium, nor IMF, nor the metal mass fraction of [M/H] = 0: the user must.  Templates are for one solar
mass formed.
"""
import os

import numpy as np

from . import light
from .canonical import Library
from .fault import INPUT, Fault, reading

ARRAYS = ("templates", "lam", "ages", "metals", "masses", "fwhm")


def convert(inputs, asked):
    asked.refuse_but("ppxf", "imf", "medium", "z_sun", "fwhm")
    if len(inputs) != 1:
        raise Fault(INPUT, "ppxf: one file is converted at a time, %d were given" % len(inputs))
    path = inputs[0]
    with reading(path, "cannot be read as npz"), np.load(path, allow_pickle=False) as file:
        if not all(name in file for name in ARRAYS):
            raise Fault(INPUT, "%s lacks one of the arrays %s: not a library of pPXF" % (path, ", ".join(ARRAYS)))
        spectra, lam, ages, metals, masses, fwhm = (np.asarray(file[name], float) for name in ARRAYS)
    if spectra.shape != (lam.size, ages.size, metals.size) or masses.shape != (ages.size, metals.size):
        raise Fault(INPUT, "%s: templates are %s and masses %s, but there are %d wavelengths, %d ages, %d metallicities"
                    % (path, spectra.shape, masses.shape, lam.size, ages.size, metals.size))
    medium, z_sun, imf = asked.medium(), asked.z_sun(), asked.imf()
    luminosity = np.maximum(np.moveaxis(spectra, 0, -1).swapaxes(0, 1), 0.0) * light.LSUN
    wave, luminosity, width = light.to_vacuum(lam, luminosity, asked.fwhm(lam, fwhm), medium)
    tables = {"Age": ages, "Metallicity": z_sun * 10.0 ** metals, "Wavelength": wave,
              "Luminosity": luminosity.astype(np.float32), "LsfFwhm": width, "SurvivingMass": masses.T.copy()}
    texts = {"Name": "pPXF %s" % os.path.basename(path)[:100], "IMF": imf, "SourceMedium": medium,
             "Program": "cubix-ssp convert ppxf",
             "Reference": "the library's own, see Cappellari 2023, MNRAS 526, 3273",
             "Licence": "of the library's authors; the files of pPXF are not to be passed on"}
    return Library(tables, texts, light.LSUN,
                   notes={"SurvivingMass": "Mass in living stars and remnants, per solar mass formed"})
