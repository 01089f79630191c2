"""SSP templates of pyPipe3D (Lacerda et al. 2022, New Astron. 97, 101895), such as
MaStar_CB19.slog_1_5.fits.gz of the MaNGA catalogue of Sanchez et al. 2022.

One image [n_model][n_lambda] with a linear axis; NAMEi = `spec_ssp_<age>[Gyr|Myr]_z<digits>.spec` (no unit:
Gyr; z0200 is 0.0200), in any order.  Spectra are 1 at WAVENORM; NORMi is the luminosity there, Lsun/AA per
solar mass formed, so that 1/NORMi is the mass-to-light ratio (pyFIT3D/ modelling/stellar.py,
SSPModels.get_tZ_models).  The files state no IMF, no medium and no resolution.
"""
import re

import numpy as np
from astropy.io import fits

from . import grid, light, spectra
from .canonical import Library
from .fault import INPUT, Fault, reading

NAME = re.compile(r"^spec_ssp_(?P<age>\d*\.?\d+)(?P<unit>[GM]yr)?_z(?P<z>\d+)(\.spec)?$")


def convert(inputs, asked):
    asked.refuse_but("pypipe3d", "imf", "medium", "fwhm")
    if len(inputs) != 1:
        raise Fault(INPUT, "pypipe3d: one file is converted at a time, %d were given" % len(inputs))
    path = inputs[0]
    with reading(path, "cannot be read as FITS"), fits.open(path, memmap=False) as hdus:
        header, data = hdus[0].header, hdus[0].data
    if data is None or data.ndim != 2:
        raise Fault(INPUT, "%s holds no image [models][wavelengths]: not a library of pyPipe3D" % path)
    wave = spectra.axis(header, data.shape[1], path)
    populations = {}
    for i in range(data.shape[0]):
        z, age = _population(header, i, path)
        grid.add(populations, z, age, i, "row %d of %s" % (i, path))
    zs, ages = grid.rectangle(populations, asked.say)
    is_mastar = "mastar" in path.lower()
    medium = asked.medium("vacuum" if is_mastar else None, "MaStar is observed in vacuum")
    fwhm = asked.fwhm(wave, wave / 1800.0 if is_mastar else None, "R = 1800 of MaStar, Yan et al. 2019, ApJ 883, 175")
    # a row and its norm: NORMi 0 means that the row is a luminosity already, as pyPipe3D takes it
    luminosity = np.stack([[np.asarray(data[populations[z, age][0]], float) * _norm(header, populations[z, age][0],
                                                                                    path)
                            for age in ages] for z in zs]) * light.LSUN
    wave, luminosity, fwhm = light.to_vacuum(wave, np.maximum(luminosity, 0.0), fwhm, medium)
    tables = {"Age": np.array(ages), "Metallicity": np.array(zs), "Wavelength": wave,
              "Luminosity": luminosity.astype(np.float32), "LsfFwhm": fwhm}
    texts = {"Name": "MaStar CB19 (pyPipe3D)" if is_mastar else "SSP of pyPipe3D",
             "IMF": asked.imf("Salpeter 1955, 0.1-100 Msun" if is_mastar else None,
                              "Sanchez et al. 2022, ApJS 262, 36"),
             "SourceMedium": medium, "Program": "cubix-ssp convert pypipe3d",
             "Reference": "Sanchez et al. 2022, ApJS 262, 36; Lacerda et al. 2022, New Astron. 97, 101895"
                          + ("; Bruzual & Charlot 2003 in the version of 2019; MaStar: Yan et al. 2019, ApJ 883, 175"
                             if is_mastar else ""),
             "Licence": "not stated; from their authors, http://ifs.astroscu.unam.mx/pyPipe3D/templates"}
    return Library(tables, texts, light.LSUN)


def _population(header, i, path):
    name = str(header.get("NAME%d" % i, ""))
    match = NAME.match(name)
    if not match:
        raise Fault(INPUT, '%s: NAME%d = "%s", must be like spec_ssp_0.0010_z0200.spec' % (path, i, name))
    return float("0." + match.group("z")), float(match.group("age")) * (1e-3 if match.group("unit") == "Myr" else 1.0)


def _norm(header, i, path):
    try:
        norm = float(header["NORM%d" % i])
    except (KeyError, TypeError, ValueError):
        raise Fault(INPUT,
                    "%s has no number NORM%d: without it the spectra have no luminosity per solar mass" % (path, i))
    return norm if norm else 1.0
