"""Whether a library shines as populations do: wrong units show as factors.

The mean luminosity from 5400 to 5600 AA, near solar metallicity, in Lsun/AA (3.826e33 erg/s) per solar mass
formed, of real libraries as their authors give it.  Between them, and between IMFs, there is a factor of 1.3 to 1.8;
a unit that is wrong makes a factor of at least 10.
"""
import numpy as np

from . import light

BAND = (5400.0, 5600.0)
#        library (IMF)                        1 Gyr      10 Gyr
REAL = (("E-MILES Padova00 (Salpeter)",       1.2297e-4, 1.6651e-5),
        ("BC03 MPA-JHU (Chabrier by its M/L)", None,      2.1537e-5),
        ("BPASS v2.2.1 imf135_300",           2.1586e-4, 1.6687e-5),
        ("M11 MILES (Salpeter)",              None,      1.8510e-5))
EXPECTED = {1.0: 1.6e-4, 10.0: 2.0e-5}       # Gyr: Lsun/AA/Msun
FACTOR = 2.0                                 # beyond it something is wrong
MISTAKES = ((1e6, "luminosities of 10^6 solar masses"), (light.LSUN, "Lsun applied twice"),
            (1 / light.LSUN, "Lsun not applied: "
            "the values are in Lsun"), (1e-11, "luminosities per Hz"),
            (1e-3, "a factor of 1000, as between AA and nm or pm"),
            (10.0, "luminosities per nm"), (0.1, "wavelengths in nm"))


# strong absorption lines of old populations [vacuum AA], laboratory (NIST); air for vacuum shifts
# them by 82 km/s.  The real libraries of doc/libraries.md have a median shift of less than 10 km/s,
# blends included
LINES = (3934.77, 4862.69, 5174.13, 5891.58, 6564.61, 8500.36, 8544.44, 8664.52)
SHIFT = 82.0               # km/s, air - vacuum in the optical


def line_shift(library):
    """Median shift of the strong lines of 1 to 10 Gyr [km/s]; None where the library does not resolve three of them."""
    wave, found = library["Wavelength"], []
    k = int(np.argmin(np.abs(np.log((library["Metallicity"] + 1e-10) / 0.02))))
    for age in (1.0, 3.0, 10.0):
        j = int(np.argmin(np.abs(np.log((library["Age"] + 1e-10) / age))))
        spectrum = np.asarray(library["Luminosity"][k, j], float)
        for line in LINES:
            near = np.flatnonzero(np.abs(wave - line) < 3.6)
            if near.size < 4 or near[0] < 1 or near[-1] > wave.size - 2 or library["LsfFwhm"][near].max() > 6.0:
                continue
            i = near[np.argmin(spectrum[near])]
            if near[0] < i < near[-1]:                 # a minimum, and not the edge of the window
                a, b, _ = np.polyfit(wave[i - 1:i + 2] - line, spectrum[i - 1:i + 2] / spectrum[i], 2)
                found.append(-b / (2.0 * a) / line * light.C_KMS if a > 0 else np.nan)
    found = [value for value in found if np.isfinite(value)]
    return float(np.median(found)) if len(found) >= 3 else None


def measured(library):
    """{1.0: value, 10.0: value}, as far as the library has these ages within 20 % and the band."""
    wave, age, z = library["Wavelength"], library["Age"], library["Metallicity"]
    if not (wave[0] < BAND[0] and wave[-1] > BAND[1]):
        return {}
    k = int(np.argmin(np.abs(np.log((z + 1e-10) / 0.02))))
    found = {}
    for target in EXPECTED:
        j = int(np.argmin(np.abs(age - target)))
        if abs(age[j] / target - 1.0) < 0.2:
            spectrum = np.asarray(library["Luminosity"][k, j], float)
            found[target] = light.integral(wave, spectrum, *BAND) / (BAND[1] - BAND[0]) / light.LSUN
    return found


def complaints(library):
    """Lines about what cannot be right."""
    found, lines = measured(library), []
    if not library.demo:
        for age, value in sorted(found.items()):
            ratio = value / EXPECTED[age]
            if not 1 / FACTOR <= ratio <= FACTOR:
                lines.append("at %g Gyr it has %.3g Lsun/AA/Msun at 5500 AA, %.3g times what real libraries have (%g)%s"
                             % (age, value, ratio, EXPECTED[age], _likely(ratio)))
                break
    if len(found) == 2 and found[10.0] > 0 and not 3.0 <= found[1.0] / found[10.0] <= 30.0:
        lines.append("at 1 Gyr it is %.3g times as bright as at 10 Gyr, real libraries 6 to 13 times: %s"
                     % (found[1.0] / found[10.0], "are its spectra normalised?" if 0.5 < found[1.0] / found[10.0] < 2.0
                        else "are its ages in another unit?"))
    shift = line_shift(library)
    if shift is not None and abs(shift) > SHIFT / 2:
        lines.append("its lines lie %+.0f km/s from their places in vacuum: %s"
                     % (shift, "are its wavelengths in air (--medium air)?" if -1.5 * SHIFT < shift < 0 else
                        "were they in vacuum before they were converted from air?" if 0 < shift < 1.5 * SHIFT else
                        "are its wavelengths shifted?"))
    mass = library["SurvivingMass"]
    if mass is not None and (mass.max() > 1.01 or mass.min() < 0.2):
        lines.append("its surviving mass runs from %.3g to %.3g of the mass formed; real libraries have 0.4 to 1"
                     % (mass.min(), mass.max()))
    step = light.step_of(library["Wavelength"])
    fine = (library["Wavelength"] > 3600.0) & (library["Wavelength"] < 9000.0)
    if fine.any() and np.median(library["LsfFwhm"][fine] / step[fine]) < 0.5:
        lines.append("its resolution (FWHM %.3g AA) is finer than its own sampling (%.3g AA)"
                     % (np.median(library["LsfFwhm"][fine]), np.median(step[fine])))
    return lines


def _likely(ratio):
    for factor, words in MISTAKES:
        if 0.4 < ratio / factor < 2.5:
            return ": %s?" % words
    return ""


def table(library):
    """Lines for a human: the library beside real ones."""
    shift = line_shift(library)
    lines = ["lines         " + ("not resolved" if shift is None else "%+.0f km/s from their places in vacuum" % shift)]
    found = measured(library)
    if not found:
        return lines + ["sanity        none: it has no band 5400-5600 AA, or no ages near 1 and 10 Gyr"]
    cell = lambda value: "%10.4g" % value if value else "%10s" % "-"
    lines += ["sanity        mean of 5400-5600 AA [Lsun/AA/Msun], Z near 0.02:    1 Gyr     10 Gyr"]
    lines += ["  %-55s %s %s" % (name, cell(one), cell(ten)) for name, one, ten in REAL]
    lines.append("  %-55s %s %s" % ("this library", cell(found.get(1.0)), cell(found.get(10.0))))
    return lines
