"""BPASS (Eldridge et al. 2017, PASA 34, 58; Stanway & Eldridge 2018, MNRAS 479, 75; v2.3: Byrne et al. 2022,
MNRAS 512, 5329).

`spectra-<bin|sin>-imf<..>.z<code>.dat`, in v2.3 `spectra-<bin|sin>-imf<..>.a<+00>.z<code>.dat`: text, column
1 the wavelength, 1 to 100000 AA in steps of 1 AA, in vacuum; column n >= 2 the spectrum of age 10^(6 + 0.1 (n
- 2)) yr in Lsun/AA for 10^6 solar masses formed.  `starmass-...` beside it: log age, mass in stars, in
remnants, of 10^6; `ionizing-...`: log age, log of the photons per second that ionise (HeloiseS/hoki,
hoki/load.py). BPASS's Lsun is 3.848e33 erg/s (its manual).  Also read: the spectra that sdss-mangadap
carries, bin-imf135_300-z020-T1.00.fits, cut from the same tables at 3601-10399 AA; T is log10(age/Gyr)
(mangadap/data/spectral_templates/bpass/README).
"""
import os
import re

import numpy as np

from . import grid, light, spectra
from .canonical import Library
from .fault import INPUT, Fault, reading

LSUN = 3.848e33            # erg/s
MASS = 1e6                 # solar masses that the files are for
NAME = re.compile(r"^spectra-(?P<stars>bin|sin)-(?P<imf>imf[a-z0-9_]+)"
                  r"(\.(?P<alpha>a[+-]\d\d))?\.z(?P<z>em[45]|\d{3})\.dat(\.gz)?$")
SLICE = re.compile(r"^(?P<stars>bin|sin)-(?P<imf>imf[a-z0-9_]+)"
                   r"-z(?P<z>em[45]|\d{3})-T(?P<log_age>-?\d+\.\d+)\.fits(\.gz)?$")
IMFS = {"imf135": "slope -1.35 above 0.5 Msun (Kroupa 2001 like)", "imf100": "slope -1.0 above 0.5 Msun (top-heavy)",
        "imf170": "slope -1.7 above 0.5 Msun (bottom-heavy)", "imf135all": "Salpeter 1955, slope -1.35",
        "imf_chab": "Chabrier 2003"}


def convert(inputs, asked):
    asked.refuse_but("bpass", "imf", "fwhm")
    files = grid.files_of(inputs, "*spectra-*.dat*", "bpass") if not _slices(inputs) else grid.files_of(inputs,
                                                                                                        "*imf*.fits*",
                                                                                                        "bpass")
    populations, common, wave = {}, None, None
    for path in files:
        is_slice = ".fits" in path.lower()
        match = (SLICE if is_slice else NAME).match(os.path.basename(path))
        if not match:
            raise Fault(INPUT, "%s: the name is not one of BPASS (like spectra-bin-imf135_300.z020.dat)" % path)
        row = match.groupdict()
        same = row["stars"], row["imf"], row.get("alpha")
        if common and same != common[0]:
            raise Fault(INPUT,
                        "%s differs in IMF, binaries or abundances from %s: give one library at a time" % (path,
                                                                                                           common[1]))
        common = common or (same, path)
        z = _metallicity(row["z"])
        mine, ages, flux = _slice(path, row) if is_slice else _table(path)
        wave = mine if wave is None else wave
        spectra.same_axis(wave, mine, path)
        for age, spectrum in zip(ages, flux):
            grid.add(populations, z, age, spectrum, path)
    zs, ages = grid.rectangle(populations, asked.say)
    luminosity = np.stack([[populations[z, age][0] for age in ages] for z in zs]) * (LSUN / MASS)
    tables = {"Age": np.array(ages), "Metallicity": np.array(zs), "Wavelength": wave,
              "Luminosity": luminosity.astype(np.float32),
              "LsfFwhm": asked.fwhm(wave, light.step_of(wave), "the step of 1 AA: no other width is stated")}
    paths = {z: next(populations[z, age][1] for age in ages) for z in zs}
    notes = _beside(tables, paths, zs, ages)
    if "IonizingPhotons" not in tables and wave[0] < light.LYMAN / 2:
        tables["IonizingPhotons"] = light.ionizing_photons(wave, luminosity)
    stars, imf, alpha = common[0]
    texts = {"Name": "BPASS %s %s%s" % ("binaries" if stars == "bin" else "single stars", imf,
                                        " " + alpha if alpha else ""),
             "IMF": asked.imf(_imf(imf)), "SourceMedium": "vacuum", "Program": "cubix-ssp convert bpass",
             "Reference": "Eldridge et al. 2017, PASA 34, 58; Stanway & Eldridge 2018, MNRAS 479, 75"
                          + ("; Byrne et al. 2022, MNRAS 512, 5329" if alpha else ""),
             "Licence": "from their authors, https://bpass.auckland.ac.nz; cite the papers"}
    return Library(tables, texts, LSUN, notes=notes)


def _slices(inputs):
    return all(".fits" in item.lower() or (os.path.isdir(item) and any(SLICE.match(name) for name in os.listdir(item)))
               for item in inputs)


def _metallicity(code):
    """em5 is 1e-5, 020 is 0.020."""
    return 10.0 ** -int(code[2:]) if code.startswith("em") else float("0." + code)


def _imf(code):
    """imf135_300: slope, then the largest mass; imf_chab300."""
    slope, _, largest = code.rpartition("_") if not code.startswith("imf_chab") else ("imf_chab", "_", code[8:])
    return "%s, 0.1-%s Msun" % (IMFS.get(slope, code), largest)


def _table(path):
    with reading(path, "cannot be read as a table of spectra"):
        table = np.loadtxt(path, ndmin=2)
    if table.shape[1] < 3:
        raise Fault(INPUT, "%s has %d columns, must have the wavelength and an age each" % (path, table.shape[1]))
    step = {51: 0.1, 41: 0.1, 25: 0.2}.get(table.shape[1] - 1)
    if step is None:
        raise Fault(INPUT,
                    "%s has %d ages; known are 51 or 41 in steps of 0.1 dex and 25 in steps of 0.2, from 1 Myr on"
                    % (path, table.shape[1] - 1))
    return table[:, 0], _ages(6.0 + step * np.arange(table.shape[1] - 1)), table[:, 1:].T


def _ages(log_yr):
    """Gyr, rounded so that the same age of two files is the same number."""
    return [float("%.9g" % 10.0 ** (value - 9.0)) for value in log_yr]


def _slice(path, row):
    header, flux, _ = spectra.read(path)
    return spectra.axis(header, flux.size, path), _ages([9.0 + float(row["log_age"])]), flux[None]


def _beside(tables, paths, zs, ages):
    """Surviving masses and ionising photons from the tables beside the spectra, if all metallicities have them."""
    notes = {}
    mass = [_column(paths[z], "starmass", lambda row: (row[:, 1] + row[:, 2]) / MASS, ages) for z in zs]
    if all(values is not None for values in mass):
        tables["SurvivingMass"] = np.array(mass)
        notes["SurvivingMass"] = "Mass in stars and remnants (starmass files), per solar mass formed"
    photons = [_column(paths[z], "ionizing", lambda row: 10.0 ** row[:, 1] / MASS, ages) for z in zs]
    if all(values is not None for values in photons):
        tables["IonizingPhotons"] = np.array(photons)
    return notes


def _column(spectrum, kind, value, ages):
    path = os.path.join(os.path.dirname(spectrum), re.sub(r"^spectra-", kind + "-", os.path.basename(spectrum)))
    if path == spectrum or not os.path.isfile(path):
        return None
    with reading(path, "cannot be read as a table of BPASS"):
        table = np.loadtxt(path, ndmin=2)
        if table.shape[1] < 3:
            raise Fault(INPUT, "%s has %d columns, must have at least 3" % (path, table.shape[1]))
        return np.interp(np.log10(np.array(ages) * 1e9), table[:, 0], value(table))
