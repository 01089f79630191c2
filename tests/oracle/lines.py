"""Section 14: emission lines, source by source, with error functions in float64."""
import math

import h5py
import numpy as np
from scipy.special import erf, ndtr, sici

from . import psf, spectral
from .constants import C, FWHM
from .paint import parts

X, W = np.polynomial.legendre.leggauss(20)
YOUNG = 0.01                        # Gyr
SFR_PHOTONS = 1 / (5.37e-42 * 1.37e-12)
K_PER_U = 8.31446261815324e-3       # km2/s2/K
STEPS = (np.arange(1000) + 0.5) * 1e-5


class Table:
    """names, lam [AA], mass [u]; z, log_u, age [Gyr]; light [z][u][age][line] erg per photon."""


def read(path):
    t = Table()
    with h5py.File(path) as f:
        t.z, t.log_u, t.age, t.lam, t.mass = (f[name][()] for name in ("Metallicity", "LogU", "Age", "Wavelength",
                                                                        "IonMass"))
        t.light, t.names = f["Luminosity"][()], f["Wavelength"].attrs["lines"].decode().split()
        t.sun = float(f.attrs["SolarMetallicity"]), float(f.attrs["SolarOxygen"])
    return t


def demo():
    """Case B, and the means of Curti et al. 2017 and 2020."""
    t = Table()
    x = np.linspace(-1.09, 0.16, 26)
    t.z, t.log_u, t.age, t.sun = 0.0142 * 10**x, np.array([-4.0, -1.0]), np.array([0.003]), (0.0142, 10**(8.69 - 12))
    ratio = {"OIII": (np.polyval((-0.981, -3.593, -3.549, -0.277), x), 0.69),
             "OII": (np.polyval((-1.949, -3.505, -0.961, 0.418), x), -0.39),
             "NII": (np.polyval((-2.867, -5.293, -2.554, 1.513, -0.489), x) + math.log10(2.86), -0.46),
             "SII": (np.polyval((-3.559, -8.339, -6.271, -0.360, -0.442), x) + math.log10(2.86), -0.61)}
    rows = (("OII3727", 3727.092, 15.999, "OII", 1 / 2.4), ("OII3730", 3729.875, 15.999, "OII", 1.4 / 2.4),
            ("Hd", 4102.892, 1.008, "", 0.259), ("Hg", 4341.684, 1.008, "", 0.468), ("Hb", 4862.683, 1.008, "", 1),
            ("OIII4960", 4960.295, 15.999, "OIII", 1 / 2.98), ("OIII5008", 5008.240, 15.999, "OIII", 1),
            ("NII6550", 6549.86, 14.007, "NII", 1 / 2.95), ("Ha", 6564.608, 1.008, "", 2.86),
            ("NII6585", 6585.27, 14.007, "NII", 1), ("SII6718", 6718.295, 32.06, "SII", 1.4 / 2.4),
            ("SII6733", 6732.674, 32.06, "SII", 1 / 2.4))
    t.names, t.lam, t.mass = [r[0] for r in rows], np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
    t.light = np.empty((26, 2, 1, len(rows)))
    for l, (_, _, _, of, part) in enumerate(rows):
        for u, log_u in enumerate(t.log_u):
            log_ratio, slope = ratio.get(of, (np.zeros(26), 0.0))
            t.light[:, u, 0, l] = 1.37e-12 / 2.86 * part * 10**(log_ratio + slope * (log_u + 3))
    return t


def photons(library, z, age):
    """Photons/s per Msun formed.  library: (ages, metals, table) or None: the closed form."""
    age = np.asarray(age, float)
    if library is None:
        falls = lambda t: 1 / (1 + (t / 0.0035)**4)
        return SFR_PHOTONS * falls(age) / (falls(STEPS).sum() * 1e4)
    ages, metals, table = library
    at_z = np.array([np.interp(math.log10(z), np.log10(metals), column) for column in table.T])
    return np.interp(np.log10(age), np.log10(ages), at_z)


def per_source(t, log_u, mode, library=None):
    """A function (Z, age) -> erg/s of every line per Msun/yr or per Msun."""
    def at_u(iz, ia):
        return np.array([np.interp(log_u, t.log_u, np.log(t.light[iz, :, ia, l])) for l in range(len(t.lam))])

    log = np.array([[at_u(iz, ia) for ia in range(len(t.age))] for iz in range(len(t.z))])
    if mode == "sfr":
        nodes = []
        for iz, z in enumerate(t.z):
            q = photons(library, z, STEPS)
            at = np.array([np.interp(np.log(STEPS), np.log(t.age), log[iz, :, l]) for l in range(len(t.lam))])
            nodes.append(np.log((q * np.exp(at)).sum(axis=1) * 1e4))
        nodes = np.array(nodes)
        return lambda z, age: np.exp([np.interp(math.log10(max(z, 1e-300)), np.log10(t.z), nodes[:, l])
                                      for l in range(len(t.lam))])
    ages = t.age[t.age <= YOUNG * (1 + 1e-9)]
    log = log[:, :len(ages)]
    if len(t.age) == 1:                 # the same light per photon at all ages
        ages = np.arange(1, 21) * YOUNG / 20
        log = np.repeat(log, 20, axis=1)
    q = np.array([photons(library, z, ages) for z in t.z])
    log = log + np.log(np.maximum(q, 1e-8 * q.max()))[:, :, None]

    def stars(z, age):
        at_age = [[np.interp(math.log10(age), np.log10(ages), log[iz, :, l]) for iz in range(len(t.z))]
                  for l in range(len(t.lam))]
        return np.exp([np.interp(math.log10(max(z, 1e-300)), np.log10(t.z), row) for row in at_age])
    return stars


def width(inst, mu, sigma_v):
    """Standard deviation [AA] of a line at mu (vacuum)."""
    lsf = 0.0
    if inst.lsf_fwhm is not None:
        at = float(spectral.vacuum_to_air(mu)) if inst.medium == "air" else mu
        pixel = float(np.asarray(inst.width_at(at)))**2 / 12 if inst.lsf_pixel_included else 0.0
        lsf = max((float(inst.lsf_fwhm(at)) / FWHM)**2 - pixel, 0.0)
    return math.sqrt(lsf + (mu * sigma_v / C)**2)


def sinc_below(x, zero, own):
    """What lies below each x of a sinc that ends at its 20th zero, seen through a Gaussian: the sine integral behind that
    Gaussian, in pieces that neither of the two changes much in."""
    x, end = np.asarray(x, float), 20 * zero
    lo, hi = np.clip(x - 9 * own, -end, end), np.clip(x + 9 * own, -end, end)
    pieces = math.ceil(18 * own / min(own, zero))
    below = ndtr((x - end) / own)
    for p in range(pieces):
        half, middle = 0.5 * (hi - lo) / pieces, lo + (hi - lo) * (p + 0.5) / pieces
        t = middle[:, None] + half[:, None] * X
        sinc = 0.5 + 0.5 * sici(np.pi * t / zero)[0] / sici(20 * np.pi)[0]
        below = below + half * ((sinc * np.exp(-0.5 * ((x[:, None] - t) / own)**2)) @ W) / (math.sqrt(2 * np.pi) * own)
    return below


def sinc_profile(inst, mu, own):
    """A sinc with the Gaussian of the gas.  Beyond the band its width is that of the band's end."""
    at = float(np.clip(mu, *inst.edges()[[0, -1]]))
    zero = float(inst.lsf_fwhm(float(spectral.vacuum_to_air(at)) if inst.medium == "air" else at)) / 1.2067091288032284
    return np.diff(sinc_below(inst.edges() - mu, zero, own))


def profile(inst, lam, z, v, sigma_v):
    """What falls into each channel of a line of unit flux."""
    mu = lam * (1 + z) * math.exp(v / C)
    if inst.lsf_shape == "sinc":
        return sinc_profile(inst, mu, mu * sigma_v / C)
    return 0.5 * np.diff(erf((inst.edges() - mu) / (math.sqrt(2) * width(inst, mu, sigma_v))))


def sigma(t, turbulence=12.0):
    return np.sqrt(K_PER_U * 1e4 / t.mass + turbulence**2)


def paint(inst, t, sources, light, z, kpc_per_arcsec, scale, turbulence=12.0, deposit="nearest", length=0.0,
          factor=None):
    """[n_lambda][n_y + 2 margin][n_x + 2 margin] in flux per AA, and the flux of each line [line][y][x].
    sources: pos, vel, amount, z, and age, length, screen where there are any; scale: erg/s -> flux."""
    margin = psf.margin(inst)
    n_y, n_x = inst.n_y + 2 * margin, inst.n_x + 2 * margin
    cube, maps = np.zeros((len(inst.centres()), n_y, n_x)), np.zeros((len(t.lam), n_y, n_x))
    s, n = sigma(t, turbulence), len(sources["amount"])
    share = parts(inst, sources, kpc_per_arcsec, margin, deposit, length)
    for k in range(n):
        rows, columns, w = share[k]
        if not w.size:
            continue
        flux = scale * sources["amount"][k] * light(sources["z"][k], sources.get("age", np.full(n, YOUNG))[k])
        if factor is not None:
            flux = flux * factor(k)
        spectrum = sum(f * profile(inst, lam, z, sources["vel"][k, 2], own)
                       for f, lam, own in zip(flux, t.lam, s)) / inst.widths()
        at = np.ix_(rows, columns)
        for i in range(len(t.lam)):
            maps[i][at] += flux[i] * w
        for i in range(len(spectrum)):
            cube[i][at] += spectrum[i] * w
    return cube, maps
