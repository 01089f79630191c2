"""SSP models of Maraston & Stromback 2011 (MNRAS 418, 2785), as FITS spectra of sdss-mangadap.

One file per population, M11_MILES_res2.54_imf_ss_age_0.0065000000_z_0.02.fits, for the stellar libraries
MILES, STELIB, ELODIE and MARCS: linear wavelengths in air; erg/s/AA per solar mass formed; FWHM, AGE [Gyr]
and Z or [Z/H] in the header; `ss` is Salpeter's IMF, `kr` Kroupa's, `cha` Chabrier's
(mangadap/data/spectral_templates/m11_*/README, mangadap/config/spectral_templates/m11_*.ini).  Of MARCS and
STELIB the files `_s` were sampled again by 1 AA and are taken where there are both.  Points at the ends where
any spectrum is 0 are cut off, with the range that mangadap calls usable.
"""
import os
import re

import numpy as np

from . import grid, light, spectra
from .canonical import Library
from .fault import INPUT, Fault

NAME = re.compile(r"^M11_(?P<library>[A-Z]+)_res(?P<fwhm>[\d.]+)"
                  r"_imf_(?P<imf>ss|kr|cha)_age_(?P<age>[\d.]+)_z_(?P<z>-?\d+\.\d+)(_s)?\.fits(\.gz)?$")
IMFS = {"ss": "Salpeter 1955, 0.1-100 Msun", "kr": "Kroupa 2001, 0.1-100 Msun", "cha": "Chabrier 2003, 0.1-100 Msun"}
USABLE = {"MILES": (3550.0, 7400.0), "ELODIE": (0.0, 6795.0)}   # the .ini files of mangadap [AA, air]
Z_SUN = 0.02


def convert(inputs, asked):
    asked.refuse_but("m11", "z_sun")
    files = grid.files_of(inputs, "M11_*.fits*", "m11")
    again = {re.sub(r"_s(\.fits)", r"\1", path) for path in files if re.search(r"_s\.fits", path)}
    populations, common, wave = {}, None, None
    for path in files:
        match = NAME.match(os.path.basename(path))
        if not match:
            raise Fault(INPUT,
                        "%s: the name is not one of these (like M11_MILES_res2.54_imf_ss_age_1.0000000_z_0.02.fits)"
                        % path)
        if path in again:
            continue
        row = match.groupdict()
        same = row["library"], row["imf"], row["fwhm"]
        if common and same != common[0]:
            raise Fault(INPUT,
                        "%s differs in stellar library or IMF from %s: give one library at a time" % (path, common[1]))
        common = common or (same, path)
        header, flux, _ = spectra.read(path)
        mine = spectra.axis(header, flux.size, path)
        wave = mine if wave is None else wave
        spectra.same_axis(wave, mine, path)
        # MARCS names [Z/H] with four digits, the others the mass fraction
        z = float(row["z"]) if len(row["z"].split(".")[1]) < 4 else asked.z_sun(Z_SUN, "") * 10.0 ** float(row["z"])
        grid.add(populations, float("%.6g" % z), float(row["age"]), flux, path)
    zs, ages = grid.rectangle(populations, asked.say)
    flux = np.stack([[populations[z, age][0] for age in ages] for z in zs])
    (library, imf, fwhm), _ = common
    keep = _usable(wave, flux, USABLE.get(library, (0.0, np.inf)))
    vacuum, luminosity, width = light.to_vacuum(wave[keep], flux[..., keep], np.full(int(keep.sum()), float(fwhm)),
                                                "air")
    tables = {"Age": np.array(ages), "Metallicity": np.array(zs), "Wavelength": vacuum,
              "Luminosity": luminosity.astype(np.float32),
              "LsfFwhm": width}
    texts = {"Name": "M11 %s" % library, "IMF": IMFS[imf], "SourceMedium": "air", "Program": "cubix-ssp convert m11",
             "Reference": "Maraston & Stromback 2011, MNRAS 418, 2785",
             "Licence": "the package sdss-mangadap that carries it is BSD-3; the models are from "
                        "http://www.maraston.eu/M11"}
    return Library(tables, texts, light.LSUN)


def _usable(wave, flux, limits):
    """The range in which every spectrum has light."""
    lit = np.flatnonzero(np.all(flux > 0.0, axis=(0, 1)) & (wave >= limits[0]) & (wave <= limits[1]))
    if lit.size < 4:
        raise Fault(INPUT, "m11: no range of wavelengths in which all spectra have light: give fewer files")
    return (np.arange(wave.size) >= lit[0]) & (np.arange(wave.size) <= lit[-1])
