"""Constants and small functions of light that several sources share.  Wavelengths in Angstrom, numpy arrays."""
import numpy as np

LSUN = 3.826e33            # erg/s: the Sun of BC03 and E-MILES (Bruzual & Charlot 2003; Vazdekis et al. 2016)
C_KMS = 299792.458
C_AA = 2.99792458e18       # AA/s
HC = 1.98644586e-8         # erg AA
FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
LYMAN = 911.75             # AA, the edge of ionisation of hydrogen

# The Sun in V: M_V = 4.81 mag (Willmer 2018, ApJS 236, 47; Vega system) and 3.63e-9 erg/s/cm2/AA at
# V = 0 (Bessell, Castelli & Plez 1998), at 10 pc.
SUN_V = 4.0 * np.pi * (3.0856775814913673e19) ** 2 * 3.63e-9 * 10.0 ** (-0.4 * 4.81)   # erg/s/AA


def air_to_vacuum(air):
    """VALD3 fit (N. Piskunov) of the inverse of Morton 2000, ApJS 130, 403, eq. 8; no shift below 2000 AA."""
    air = np.asarray(air, float)
    s2 = (1e4 / np.maximum(air, 1.0)) ** 2
    n = 1.0 + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s2) + 1.599740894897e-4 / (38.92568793293 - s2)
    return np.where(air < 2000.0, air, air * n)


def vacuum_to_air(vacuum):
    """The inverse of air_to_vacuum."""
    vacuum = np.asarray(vacuum, float)
    air = vacuum.copy()
    for _ in range(6):                  # n changes by less than 1e-7 per AA: each step gains six digits
        air = vacuum / (air_to_vacuum(np.maximum(air, 2000.0)) / np.maximum(air, 2000.0))
    return np.where(vacuum < 2000.0, vacuum, air)


def to_vacuum(wavelength, luminosity, lsf_fwhm, medium):
    """A library on wavelengths in its medium -> the same light on vacuum wavelengths, per AA in vacuum.

    In air lines are closer together by d(air)/d(vacuum) = 1/(1 + 2.7e-4), so a luminosity per AA in air is larger by
    2.7e-4 than one per AA in vacuum.  luminosity: [..., n_lambda]."""
    wavelength = np.asarray(wavelength, float)
    if medium != "air":
        return wavelength, luminosity, lsf_fwhm
    stretch = vacuum_per_air(wavelength)
    return air_to_vacuum(wavelength), luminosity / stretch, np.asarray(lsf_fwhm) * stretch


def vacuum_per_air(air):
    """d(vacuum)/d(air) of air_to_vacuum; 1 below 2000 AA."""
    air = np.asarray(air, float)
    s2 = (1e4 / np.maximum(air, 1.0)) ** 2
    first, second = 130.1065924522 - s2, 38.92568793293 - s2
    slope = (1.0 + 8.336624212083e-5 + 2.408926869968e-2 / first + 1.599740894897e-4 / second
             - 2.0 * s2 * (2.408926869968e-2 / first ** 2 + 1.599740894897e-4 / second ** 2))
    return np.where(air < 2000.0, 1.0, slope)


def step_of(wavelength):
    """Local sampling step, the wider of the two neighbours."""
    step = np.diff(wavelength)
    return np.maximum(np.append(step, step[-1]), np.insert(step, 0, step[0]))


def integral(wavelength, values, lo, hi):
    """Integral of the straight lines through the points, from lo to hi, along the last axis."""
    inside = (wavelength > lo) & (wavelength < hi)
    x = np.concatenate(([lo], wavelength[inside], [hi]))

    def at(point):
        k = np.clip(np.searchsorted(wavelength, point), 1, len(wavelength) - 1)
        t = (point - wavelength[k - 1]) / (wavelength[k] - wavelength[k - 1])
        return (1.0 - t) * values[..., k - 1] + t * values[..., k]

    y = np.concatenate((at(lo)[..., None], values[..., inside], at(hi)[..., None]), axis=-1)
    return np.sum(0.5 * (y[..., 1:] + y[..., :-1]) * np.diff(x), axis=-1)


def ionizing_photons(wavelength, luminosity):
    """Photons per second below the Lyman edge, from a library that reaches there."""
    return integral(wavelength, luminosity * (wavelength / HC), wavelength[0], LYMAN)


def v_band_mass_to_light(wavelength, luminosity):
    """Msun formed per Lsun in V.  The band is a box, 5050-5950 AA: good to some per cent, which is
    what a sanity check needs."""
    return SUN_V * 900.0 / np.maximum(integral(wavelength, luminosity, 5050.0, 5950.0), 1e-300)
