"""A library in closed form: what a population does to a spectrum, in a page.  For trying CUBIX out, not for science; marked Demo = 1.

With a = log10(age/Gyr), z = log10(Z/0.02) and S(u) = 1/(1 + e^-u), per solar mass formed:

  L(5500 AA)   log10 = 31.50 - 0.72 P(a + 2.3) - 0.22 P(a + 0.1) - 0.18 z S(2.9 a)  [erg/s/AA],  P(u) = 0.15 ln(1 + e^(u/0.15)):
               bright until the first supergiants die, then a power law of age; metals make old populations darker
  continuum    two black bodies, of the turn-off (T falls with age from 40000 to 6100 K) and of the cool giants (3500 K, a little less with more
               metals), whose share of the light at 5500 AA grows with age
  breaks       the Balmer jump (3700 AA), deepest at 0.2 Gyr; the 4000 AA break and the blanketing blueward of it, growing with age and Z
  lines        hydrogen, strongest and broadest near A stars (0.2-1 Gyr); metals, sodium, bands, growing with age and metals
               (demo_lines.py); helium and winds in the young.  Each is an optical depth; all are seen at the resolution below.

The coefficients were set by eye and least squares so that colours, M/L and indices lie near those of BC03 and E-MILES with a Kroupa
IMF: M/L in V within a factor 1.5 for 0.01-10 Gyr (tests/program/test_ssp_tool.py).  Resolution: FWHM 5 AA below 3400 AA, 2.5 AA to 9500 AA,
sigma = 60 km/s beyond; 2.5 points or more per FWHM.  Values are rounded to 16 bits, so that the same file comes out on every machine.
"""
import numpy as np

from . import demo_lines, light
from .canonical import Library

METALLICITIES = (0.0001, 0.0004, 0.004, 0.008, 0.02, 0.05)
N_AGE, AGE_FIRST, AGE_LAST = 40, 0.001, 14.0
UV_END, OPTICAL_END, NIR_END = 3400.0, 9500.0, 25000.0
RYDBERG_HYDROGEN = 1.0967758e-3            # 1/AA


def make():
    wave = wavelengths()
    lsf = lsf_fwhm(wave)
    age = np.round(AGE_FIRST * (AGE_LAST / AGE_FIRST) ** (np.arange(N_AGE) / (N_AGE - 1.0)), 6)
    metals = np.array(METALLICITIES)
    depths = templates(wave, lsf)
    shape = (metals.size, age.size)
    luminosity, surviving, photons = np.empty(shape + (wave.size,)), np.empty(shape), np.empty(shape)
    for i, z in enumerate(np.log10(metals / 0.02)):
        for j, a in enumerate(np.log10(age)):
            luminosity[i, j] = spectrum(wave, depths, a, z)
            surviving[i, j] = 1.0 - 0.105 * soft(a + 2.75, 0.1)
            photons[i, j] = 10.0 ** (46.75 - 4.6 * soft(a + 2.45, 0.1) + 4.6 * soft(a + 1.15, 0.1))
    tables = {"Age": age, "Metallicity": metals, "Wavelength": wave, "Luminosity": rounded(luminosity),
              "LsfFwhm": np.round(lsf, 4),
              "SurvivingMass": rounded(surviving), "IonizingPhotons": np.round(photons / 1e38) * 1e38}
    texts = {"Name": "CUBIX demo", "IMF": "none; M/L near that of Kroupa 2001", "SourceMedium": "vacuum",
             "Program": "cubix-ssp demo",
             "Reference": "closed form, doc/formats.md of CUBIX; not a model of stellar populations",
             "Licence": "public domain"}
    return Library(tables, texts, light.LSUN, demo=1)


def wavelengths():
    """2 AA in the ultraviolet, 0.9 AA in the optical, then 2.5 points per resolution element."""
    uv = np.arange(1000.0, UV_END - 1.0, 2.0)
    optical = UV_END + 0.9 * np.arange(int((OPTICAL_END - UV_END) / 0.9) + 1)
    growth = np.log1p(light.FWHM * 60.0 / light.C_KMS / 2.5)
    count = int(np.ceil(np.log(NIR_END / optical[-1]) / growth))
    nir = optical[-1] * (NIR_END / optical[-1]) ** (np.arange(1, count + 1) / float(count))
    return np.round(np.concatenate((uv, optical, nir)), 3)


def lsf_fwhm(wave):
    return np.where(wave <= UV_END, 5.0,
                    np.where(wave < OPTICAL_END - 1.0, 2.5, light.FWHM * 60.0 / light.C_KMS * wave))


def logistic(u):
    return 1.0 / (1.0 + np.exp(-np.clip(u, -500.0, 500.0)))


def soft(u, width):
    """max(0, u) with a rounded corner."""
    return width * np.logaddexp(0.0, u / width)


def black_body(wave, temperature):
    """Planck's law per AA, 1 at 5500 AA."""
    x, x0 = 1.4387769e8 / (wave * temperature), 1.4387769e8 / (5500.0 * temperature)
    return (5500.0 / wave) ** 5 * np.expm1(x0) / np.expm1(np.minimum(x, 600.0))


def continuum(wave, a, z):
    hot = 10.0 ** (3.745 + 0.92 * logistic(-(a + 1.20) / 0.75) - 0.02 * z * logistic(2.0 * a))
    cool = 10.0 ** (3.545 - 0.02 * z)
    supergiants = 0.24 * logistic((a + 2.12) / 0.06) * logistic(-(a + 1.1) / 0.4) * 10.0 ** (0.45 * z)
    giants = 0.08 * logistic((a + 1.3) / 0.2) + 0.28 * logistic((a - 0.35) / 0.35)
    share = np.minimum(supergiants + giants * 10.0 ** (0.12 * z), 0.7)
    jump = 0.50 * logistic((a + 2.15) / 0.12) * logistic(-(a - 0.1) / 0.25)
    metal_break = 0.36 * logistic((a - 0.1) / 0.3) * 10.0 ** (0.22 * z)
    blanket = (0.02 + 1.15 * logistic((a - 0.1) / 0.3)) * 10.0 ** (0.15 * z)
    depth = jump * logistic((3700.0 - wave) / 12.0) + metal_break * logistic((3995.0 - wave)
                                                                             / 20.0) + blanket * soft(3900.0 - wave,
                                                                                                      150.0) / 1000.0
    return ((1.0 - share) * black_body(wave, hot) + share * black_body(wave, cool)) * np.exp(-depth)


def strengths(a, z):
    """How much of each template of optical depth a population shows."""
    old = logistic((a + 0.15) / 0.35)
    metal = (0.20 + 0.80 * old) * 10.0 ** (0.30 * z)
    return {"hydrogen_broad": 1.05 * np.exp(-((a + 0.6) / 0.75) ** 2) + 0.40 * logistic(-(a + 1.3) / 0.3),
            "hydrogen_narrow": 0.10 + 0.25 * old, "strong": metal, "metals": 1.4 * metal,
            "bands": old * 10.0 ** (0.35 * z),
            "sodium": (0.25 + 0.75 * old) * 10.0 ** (0.45 * z), "titanium": old * 10.0 ** (0.60 * z)
            + 0.6 * np.exp(-((a + 1.9) / 0.25) ** 2) * 10.0 ** (0.4 * z),
            "carbon_monoxide": (0.4 + 0.6 * old) * logistic((a + 2.1) / 0.08) * 10.0 ** (0.30 * z),
            "helium": np.exp(-((a + 1.9) / 0.55) ** 2), "wind": logistic(-(a + 1.9) / 0.15) * 10.0 ** (0.2 * z)}


def templates(wave, lsf):
    """Optical depth of each group of lines at full strength, [n_lambda] each."""
    def line(at, depth, fwhm):
        sigma = np.hypot(fwhm, np.interp(at, wave, lsf)) / light.FWHM
        return depth * np.exp(-0.5 * ((wave - at) / sigma) ** 2)

    def band(head, depth, length):
        behind = (wave - head) * np.sign(length)
        edge = np.interp(head, wave, lsf) / 3.0
        return depth * logistic(behind / edge) * np.exp(-np.clip(behind, 0.0, None) / abs(length))

    def lines(rows, vacuum=False):
        return sum(line(at if vacuum else float(light.air_to_vacuum(at)), depth, fwhm) for at, depth, fwhm in rows)

    def bands(rows):
        return sum(band(float(light.air_to_vacuum(head)), depth, length) for head, depth, length in rows)

    series = [(n, 1.0 / (RYDBERG_HYDROGEN * (0.25 - 1.0 / n ** 2))) for n in range(3, 21)]
    paschen = [(n, 1.0 / (RYDBERG_HYDROGEN * (1.0 / 9.0 - 1.0 / n ** 2))) for n in range(4, 19)]
    broad = sum(line(at, 0.55 * (0.6 if n == 3 else 0.8 if n == 4 else 1.0), 10.0) + line(at, 0.14, 34.0) for n,
                at in series)
    broad = broad + sum(line(at, 0.16, 20.0 if n > 7 else 30.0) for n, at in paschen) + line(1215.67, 1.0, 18.0)
    thin = lambda rows: [(at, depth, 1.0) for at, depth in rows]
    return {"hydrogen_broad": broad, "hydrogen_narrow": sum(line(at, 1.0 if n < 5 else 0.6, 3.5) for n, at in series),
            "strong": lines(demo_lines.STRONG), "metals": lines(thin(demo_lines.METALS)),
            "sodium": lines(demo_lines.SODIUM),
            "bands": bands(demo_lines.BANDS), "titanium": bands(demo_lines.TITANIUM),
            "carbon_monoxide": bands(demo_lines.CARBON_MONOXIDE),
            "helium": lines(thin(demo_lines.HELIUM)),
            "wind": lines([(at, depth, 6.0) for at, depth in demo_lines.WIND], vacuum=True)}


def log_luminosity(a, z):
    """log10 of erg/s/AA per solar mass formed at 5500 AA, before lines."""
    return 31.50 - 0.72 * soft(a + 2.3, 0.15) - 0.22 * soft(a + 0.1, 0.15) - 0.18 * z * logistic(2.9 * a)


def spectrum(wave, depths, a, z):
    weight = strengths(a, z)
    return 10.0 ** log_luminosity(a, z) * continuum(wave, a,
                                                    z) * np.exp(-sum(weight[name] * depths[name]
                                                                     for name in sorted(depths)))


def rounded(values):
    """float32 with 16 significant bits: small when compressed, and the same on every machine."""
    mantissa, exponent = np.frexp(np.asarray(values, float))
    return np.ldexp(np.round(mantissa * 65536.0) / 65536.0, exponent).astype(np.float32)
