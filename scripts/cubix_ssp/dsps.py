"""Spectra of FSPS (Conroy, Gunn & White 2009; Conroy & Gunn 2010) in the HDF5 files of two packages.

dsps: ssp_lgmet [log10 of the metal mass fraction], ssp_lg_age_gyr, ssp_wave [AA, vacuum], ssp_flux
[n_Z][n_age][n_lambda] in Lsun/Hz per solar mass formed (ArgonneCPAC/dsps,
dsps/data_loaders/load_ssp_data.py).  fsps: `metallicity` and `age` as the same logarithms, `wavelength`,
`flux` (rubix/spectra/ssp/fsps_grid.py), where python-fsps gives Lsun/Hz or Lsun/AA; 11 decades lie between,
so the values tell. Lsun = 3.839e33 erg/s (FSPS, sps_vars.f90).  In files that were made with nebular emission
the lines are in the spectra: CUBIX adds its own, so make the files without (add_neb_emission=False).
"""
import h5py
import numpy as np

from . import hdf5, light
from .canonical import Library
from .fault import INPUT, Fault, reading

LSUN = 3.839e33            # erg/s
NAMES = {"dsps": ("ssp_lgmet", "ssp_lg_age_gyr", "ssp_wave", "ssp_flux"),
         "fsps": ("metallicity", "age", "wavelength", "flux")}
ASSUMED = "MILES in the optical; elsewhere the step"


def convert_dsps(inputs, asked):
    return _convert(inputs, asked, "dsps")


def convert_fsps(inputs, asked):
    return _convert(inputs, asked, "fsps")


def _convert(inputs, asked, kind):
    asked.refuse_but(kind, "imf", "fwhm")
    if len(inputs) != 1:
        raise Fault(INPUT, "%s: one file is converted at a time, %d were given" % (kind, len(inputs)))
    path = inputs[0]
    with reading(path, "cannot be read as HDF5"), hdf5.open_file(path) as file:
        if not all(isinstance(file.get(name), h5py.Dataset) for name in NAMES[kind]):
            raise Fault(INPUT,
                        "%s lacks one of the datasets %s: not a file of %s" % (path, ", ".join(NAMES[kind]), kind))
        log_z, log_age, wave, flux = (np.asarray(file[name][()], float) for name in NAMES[kind])
        lines = any(name.startswith("ssp_emline") for name in file)
    if flux.shape != (log_z.size, log_age.size, wave.size) or log_z.ndim != 1 or log_age.ndim != 1 or wave.ndim != 1:
        raise Fault(INPUT, "%s: %s is %s, but the axes have %d metallicities, %d ages, %d wavelengths"
                    % (path, NAMES[kind][3], flux.shape, log_z.size, log_age.size, wave.size))
    if log_z.max() > 0.0 or log_z.min() < -10.0 or log_age.max() > 2.0:
        raise Fault(INPUT, "%s: %s runs to %g and %s to %g: not log10 of a mass fraction and of Gyr"
                    % (path, NAMES[kind][0], log_z.max(), NAMES[kind][1], log_age.max()))
    if lines:
        asked.say("warning: %s holds emission lines: if they are in its spectra, too (add_neb_emission=True), CUBIX "
                  "would "
                  "count them as stars" % path)
    luminosity = flux * (light.C_AA / wave ** 2 if _per_hertz(wave, flux, path) else 1.0) * LSUN
    tables = {"Age": 10.0 ** log_age, "Metallicity": 10.0 ** log_z, "Wavelength": wave,
              "Luminosity": luminosity.astype(np.float32), "LsfFwhm": asked.fwhm(wave, lsf_fwhm(wave), ASSUMED)}
    if wave[0] < light.LYMAN:
        tables["IonizingPhotons"] = light.ionizing_photons(wave, luminosity)
    texts = {"Name": "FSPS (%s)" % kind, "IMF": asked.imf(), "SourceMedium": "vacuum",
             "Program": "cubix-ssp convert " + kind,
             "Reference": "Conroy, Gunn & White 2009, ApJ 699, 486; Conroy & Gunn 2010, ApJ 712, 833"
                          + ("; Hearin et al. 2023, MNRAS 521, 1741 (DSPS)" if kind == "dsps" else ""),
             "Licence": "FSPS is MIT; its isochrones and spectra are their authors'"}
    return Library(tables, texts, LSUN)


def _per_hertz(wave, flux, path):
    """Whether the values are per Hz; they are 11 decades smaller than per AA in the optical."""
    near = (wave > 5000.0) & (wave < 6000.0)
    if not near.any():
        raise Fault(INPUT, "%s has no point between 5000 and 6000 AA" % path)
    value = float(np.median(flux[..., near]))
    if 1e-7 < value < 1.0:
        return False
    if 1e-18 < value < 1e-11:
        return True
    raise Fault(INPUT,
                "%s: the spectra are about %.3g at 5500 AA: neither Lsun/AA (1e-5 to 1e-2) nor Lsun/Hz (1e-16 to "
                "1e-13) per solar mass" % (path, value))


def lsf_fwhm(wave):
    """MILES, FWHM 2.54 AA between 3525 and 7500 AA where the sampling is as fine; else twice the step."""
    step = light.step_of(wave)
    return np.where((wave >= 3525.0) & (wave <= 7500.0), np.maximum(2.54, step), 2.0 * step)
