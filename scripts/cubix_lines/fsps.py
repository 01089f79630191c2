"""The Cloudy tables of Byler et al. 2017 as FSPS carries them, nebular/ZAU_*.lines.

A comment "#166 cols 770 rows 11 logZ 10 Age 7 logU", the wavelengths, then pairs of lines: logZ, age [yr], logU, and
the luminosities in Lsun (3.839e33 erg/s) per ionising photon per second.  Which elements, data/emlines_info.dat of
FSPS says, whose lines stand in the same order ("Blnd 2424" is [Ne IV])."""
import os
import re

import numpy as np

from cubix_ssp.fault import INPUT, Fault, reading

from . import canonical, wavelengths

LSUN = 3.839e33
# Z of logZ = 0, that of the stars of each grid
SUN = {"mist": 0.0142, "pdva": 0.019, "prsc": 0.01524, "bpss": 0.020}
OXYGEN = 4.90e-4


def convert(inputs, say):
    if len(inputs) not in (1, 2):
        raise Fault(INPUT, "fsps: ZAU_*.lines, and emlines_info.dat of FSPS where it is not beside it; %d files were "
                    "given" % len(inputs))
    path = next((name for name in inputs if name.endswith(".lines")), inputs[0])
    info = next((name for name in inputs if name != path), os.path.join(os.path.dirname(os.path.abspath(path)),
                                                                       "emlines_info.dat"))
    axes, wave, light = _read(path)
    elements = _elements(info, wave)
    names, vacuum, mass, offset, known = wavelengths.identify(wave, elements)
    kind = re.match(r"ZAU_([NW]D)_(\w+)\.lines", os.path.basename(path))
    grains, stars = kind.groups() if kind else ("", "")
    order = np.argsort(vacuum)
    light = light[..., order] * LSUN
    names = [names[i] for i in order]
    light = canonical.floor(light.transpose(0, 2, 1, 3), names)
    say("%d of %d lines have the wavelengths of atomic physics; the others the table's, less its mean offset of "
        "%.1f km/s" % (known.sum(), known.size, offset * 299792.458))
    if stars not in SUN:
        say("warning: %s does not say which stars it was made for: Z_sun = 0.0142 is taken" % os.path.basename(path))
    solar = SUN.get(stars, 0.0142)
    tables = {"Metallicity": solar * 10.0**axes[0], "LogU": axes[2], "Age": axes[1] / 1e9, "Wavelength": vacuum[order],
              "IonMass": mass[order], "Luminosity": light}
    what = {"ND": "without grains", "WD": "with grains"}.get(grains, "grains unknown")
    texts = {"Name": "Byler 2017, %s, %s" % (stars or "stars unknown", what), "Program": "cubix-lines convert fsps",
             "Reference": "Byler et al. 2017, ApJ 840, 44, in FSPS (Conroy, Gunn & White 2009; Conroy & Gunn 2010)",
             "Licence": "MIT (FSPS): keep its notice with the table"}
    return canonical.Table(tables, names, texts, solar, OXYGEN)


def _read(path):
    """logZ, ages, logU; wavelengths; luminosities [logZ][age][logU][line]."""
    with reading(path, "cannot be read as a table of FSPS"), open(path, encoding="ascii") as file:
        head = re.match(r"#\s*(\d+) cols (\d+) rows (\d+) logZ (\d+) Age (\d+) logU", file.readline())
        if not head:
            raise Fault(INPUT, "%s does not begin with \"#166 cols 770 rows 11 logZ 10 Age 7 logU\": not a table of "
                        "lines of FSPS" % path)
        n_line, n_row, n_z, n_age, n_u = (int(word) for word in head.groups())
        wave = np.array(file.readline().split(), float)
        point, light = np.zeros((n_row, 3)), np.zeros((n_row, n_line))
        for i in range(n_row):
            point[i] = file.readline().split()
            light[i] = file.readline().split()
    if wave.size != n_line or n_row != n_z * n_age * n_u:
        raise Fault(INPUT, "%s: %d rows of %d wavelengths do not fill %d logZ x %d ages x %d logU of %d lines"
                    % (path, n_row, wave.size, n_z, n_age, n_u, n_line))
    axes = [np.unique(point[:, k]) for k in range(3)]
    grid = np.array([[z, a, u] for z in axes[0] for a in axes[1] for u in axes[2]])
    if [axis.size for axis in axes] != [n_z, n_age, n_u] or not np.array_equal(grid, point):
        raise Fault(INPUT, "%s: its rows are not all of logZ, age and logU, in this order" % path)
    if not np.all(np.isfinite(light) & (light >= 0)):
        raise Fault(INPUT, "%s: a luminosity is not finite, or negative" % path)
    return axes, wave, light.reshape(n_z, n_age, n_u, n_line)


def _elements(path, wave):
    """Element of each line, from the names of emlines_info.dat."""
    with reading(path, "cannot be read as FSPS's list of lines"):
        if not os.path.exists(path):
            raise Fault(INPUT, "%s: no such file: FSPS's list of lines, data/emlines_info.dat, is needed beside the "
                        "table or after it" % path)
        with open(path, encoding="utf-8") as file:
            rows = [line.split(",", 1) for line in file if "," in line]
    if len(rows) != wave.size or any(abs(float(row[0]) / at - 1) > 1e-4 for row, at in zip(rows, wave)):
        raise Fault(INPUT, "%s does not list the %d lines of the table" % (path, wave.size))
    found = []
    for row in rows:
        text = row[1].strip().lstrip("[")
        word = re.match(r"(Ly|Ba|Pa|Br|Pf|Hu|H\b)", text)
        element = "H" if word else "Ne" if text.startswith("Blnd") else re.match(r"([A-Z][a-z]?)", text).group(1)
        if element not in wavelengths.MASS:
            raise Fault(INPUT, "%s: \"%s\" names no element that is known" % (path, row[1].strip()))
        found.append(element)
    return found
