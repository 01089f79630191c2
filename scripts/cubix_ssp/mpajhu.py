"""BC03 spectra of the MPA-JHU catalogue, as sdss-mangadap carries them: 4 metallicities x 10 ages, 3326-9294
AA in steps of 1 AA.

BC03_z0.020_a10.000.fits: Lsun/AA per solar mass formed, in air; Z, AGE [Gyr] and FWHM = 2.3 AA in the header
(mangadap/data/spectral_templates/bc03_mpajhu/ README: "we think the resolution is 2.3 angstroms").  Neither
tracks nor IMF are stated.
"""
import numpy as np

from . import grid, light, spectra
from .canonical import Library
from .fault import INPUT, Fault


def convert(inputs, asked):
    asked.refuse_but("mpajhu", "imf", "fwhm")
    populations, wave, widths = {}, None, set()
    for path in grid.files_of(inputs, "BC03_*.fits*", "mpajhu"):
        header, flux, _ = spectra.read(path)
        mine = spectra.axis(header, flux.size, path)
        wave = mine if wave is None else wave
        spectra.same_axis(wave, mine, path)
        if not all(name in header for name in ("Z", "AGE", "FWHM")):
            raise Fault(INPUT, "%s lacks Z, AGE or FWHM: not one of these spectra" % path)
        widths.add(float(header["FWHM"]))
        grid.add(populations, float(header["Z"]), float(header["AGE"]), flux, path)
    zs, ages = grid.rectangle(populations, asked.say)
    flux = np.stack([[populations[z, age][0] for age in ages] for z in zs]) * light.LSUN
    vacuum, luminosity, fwhm = light.to_vacuum(wave, flux, asked.fwhm(wave, max(widths)), "air")
    tables = {"Age": np.array(ages), "Metallicity": np.array(zs), "Wavelength": vacuum,
              "Luminosity": luminosity.astype(np.float32),
              "LsfFwhm": fwhm}
    texts = {"Name": "BC03 (MPA-JHU)", "IMF": asked.imf("Chabrier 2003", "by its M/L"), "SourceMedium": "air",
             "Program": "cubix-ssp convert mpajhu",
             "Reference": "Bruzual & Charlot 2003, MNRAS 344, 1000; Tremonti et al. 2004, ApJ 613, 898",
             "Licence": "the package sdss-mangadap that carries it is BSD-3; the models are from "
                        "http://www.bruzual.org/bc03"}
    return Library(tables, texts, light.LSUN)
