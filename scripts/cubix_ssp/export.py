"""A library for those who fit: the npz file of pPXF, a folder of FITS templates for GIST and nGIST, and the
text file of widths that these want.

pPXF (ppxf/sps_util.py, sps_lib): templates [n_lambda][n_age][n_metal] in Lsun/AA, lam, ages [Gyr], metals
[[M/H]], masses [n_age][n_metal], fwhm [n_lambda].  nGIST (geckos-survey/ngist,
ngistPipeline/prepareTemplates/miles.py): one spectrum per file on a linear axis CRVAL1, CDELT1, all in its
name like those of MILES, `Z<p|m>x.xxT<7 characters of Gyr>..baseFe..fits`; of [M/H] = 0.00 it makes the
metallicity before, so 0.00 is written as 0.01.  Widths: two columns, wavelength and FWHM in AA
(gistPipeline/auxiliary/_auxiliary.py, getLSF).

A library is broadened as the program does it: the spline through its points, convolved at every point with a
Gaussian of the missing width.
"""
import io
import os

import numpy as np
from astropy.io import fits

from . import light
from .atomic_file import atomic_file
from .fault import COMMAND, INPUT, OUTPUT, Fault, reading

Z_SUN = 0.02
REACH, STEP = 6.0, 0.25    # of the Gaussian, in sigmas
LATEST = 99.9999           # Gyr: two digits before the point, four behind it
LARGEST = 5e8              # values of an npz
SAME = 0.05                # an age is left out if its name would be off by more


def ppxf(library, out, asked, limits=None, step=None):
    if step is not None and not step > 0:
        raise Fault(COMMAND, "--step %g must be above 0" % step)
    wave, flux, fwhm = _broadened(library, asked, limits)
    wave, flux, fwhm = _in_medium(wave, flux, fwhm, asked.medium("vacuum"))
    metals = np.log10(np.maximum(library["Metallicity"], 1e-10) / asked.z_sun(Z_SUN, "the usual value"))
    if _is_folder(out):
        return _folder(library, out, asked, (wave, flux, fwhm), metals, step)
    if step:
        size = (wave[-1] - wave[0]) / step * flux[..., 0].size
        if size > LARGEST:
            raise Fault(COMMAND, "--step %g makes a file of %.3g MB: take a wider step, or a --range" % (step, 8e-6 * size))
        axis = _axis(wave, step)
        flux = _sample(wave, flux.reshape(-1, wave.size), axis).reshape(flux.shape[:2] + (axis.size,))
        wave, fwhm = axis, np.interp(axis, wave, fwhm)
    mass = library["SurvivingMass"]
    if mass is None:
        asked.say("warning: the library has no surviving masses: masses are 1, those of the stars formed")
        mass = np.ones(flux.shape[:2])
    with atomic_file(out) as stream:
        np.savez_compressed(stream, templates=np.ascontiguousarray(flux.transpose(2, 1, 0)), lam=wave,
                            ages=library["Age"],
                            metals=metals, masses=mass.T, fwhm=fwhm)
    asked.say("%s written: %d wavelengths x %d ages x %d metallicities in Lsun/AA, %.1f to %.1f AA in %s"
              % ((out,) + flux.shape[::-1] + (wave[0], wave[-1], asked.medium("vacuum"))))


def lsf(path, read, out, asked):
    """Of a library, or of the instrument in a cube (its table LSF)."""
    if _is_fits(path):
        with reading(path, "has no table LSF of CUBIX"), fits.open(path) as hdus:
            table = hdus["LSF"].data
            wave, fwhm = np.asarray(table["WAVELENGTH"], float), np.asarray(table["FWHM_CUBE"], float)
        what = "a narrow line in the cube"
    else:
        library = read(path)
        own = library["LsfFwhm"]
        wave, _, fwhm = _in_medium(library["Wavelength"], library["Luminosity"][:1, :1],
                                   np.maximum(own, asked.fwhm(library["Wavelength"], own)),
                                   asked.medium("vacuum"))
        what = "the templates, in %s," % asked.medium("vacuum")
    with atomic_file(out) as stream:
        stream.write(("# wavelength [AA]  FWHM [AA] of %s\n" % what).encode())
        stream.writelines(b"%.4f %.5f\n" % row for row in zip(wave, fwhm))
    asked.say("%s written: FWHM of %s at %d wavelengths" % (out, what, wave.size))


def _is_fits(path):
    """What is no file, canonical.read tells."""
    if not os.path.isfile(path):
        return False
    with reading(path, "cannot be read"), open(path, "rb") as file:
        return file.read(6) == b"SIMPLE"


def _is_folder(out):
    return out.endswith(os.sep) or os.path.isdir(out)


def _in_medium(wave, flux, fwhm, medium):
    """From vacuum; the inverse of light.to_vacuum."""
    if medium == "vacuum":
        return wave, flux, fwhm
    air = light.vacuum_to_air(wave)
    stretch = light.vacuum_per_air(air)
    return air, flux * stretch, fwhm / stretch


def _broadened(library, asked, limits):
    """[n_lambda] AA in vacuum, [n_Z][n_age][n_lambda] Lsun/AA, [n_lambda] FWHM in AA, within the limits."""
    wave, own = library["Wavelength"], library["LsfFwhm"]
    lo, hi = limits or (wave[0], wave[-1])
    wanted = asked.fwhm(wave, own)
    reach = REACH * wanted.max() / light.FWHM
    keep = np.flatnonzero((wave >= lo - reach) & (wave <= hi + reach))
    if keep.size < 4 or not np.any((wave >= lo) & (wave <= hi)):
        raise Fault(INPUT, "the library has no points between %g and %g AA (%g to %g)" % (lo, hi, wave[0], wave[-1]))
    part = slice(keep[0], keep[-1] + 1)
    wave, own, wanted = wave[part], own[part], wanted[part]
    flux = np.asarray(library["Luminosity"][..., part], float) / library.solar_luminosity
    missing = wanted ** 2 - own ** 2
    if np.any(missing < -1e-9 * own ** 2):
        bad = np.flatnonzero(missing < 0)
        asked.say("warning: the library is broader than that (up to %.2f instead of %.2f AA at %.0f AA) at %d of %d "
                  "points: it stays as it is there"
                  % (own[bad].max(), wanted[bad[np.argmax(own[bad])]], wave[bad[np.argmax(own[bad])]], bad.size,
                     wave.size))
    sigma = np.sqrt(np.maximum(missing, 0.0)) / light.FWHM
    if np.any(sigma > 0):
        flux = convolve(wave, flux.reshape(-1, wave.size), sigma).reshape(flux.shape)
    inside = (wave >= lo) & (wave <= hi)
    return wave[inside], flux[..., inside], np.maximum(wanted, own)[inside]


def convolve(wave, flux, sigma):
    """flux [n][n_lambda] with a Gaussian of sigma [n_lambda] at every point."""
    value = np.ascontiguousarray(flux.T)
    curvature, out = curvatures(wave, value), value.copy()
    t = np.arange(-REACH, REACH + STEP / 2, STEP)
    bell = np.exp(-0.5 * t * t)
    for i in np.flatnonzero(sigma > 0):
        y = wave[i] + sigma[i] * t
        inside = (y >= wave[0]) & (y <= wave[-1])
        y, weight = y[inside], bell[inside] / bell[inside].sum()
        k = np.clip(np.searchsorted(wave, y, side="right") - 1, 0, wave.size - 2)
        h = wave[k + 1] - wave[k]
        u = (y - wave[k]) / h
        v = 1.0 - u
        first, n = k[0], k[-1] + 2 - k[0]
        of_value, of_curvature = np.zeros(n), np.zeros(n)
        np.add.at(of_value, k - first, weight * v)
        np.add.at(of_value, k - first + 1, weight * u)
        np.add.at(of_curvature, k - first, weight * h * h * (v * v - 1.0) * v / 6.0)
        np.add.at(of_curvature, k - first + 1, weight * h * h * (u * u - 1.0) * u / 6.0)
        out[i] = of_value @ value[first:first + n] + of_curvature @ curvature[first:first + n]
    return out.T


def curvatures(wave, value):
    """[n_lambda][n] second derivatives at the points of natural cubic splines through value [n_lambda][n]."""
    n, h = wave.size, np.diff(wave)
    slope = np.diff(value, axis=0) / h[:, None]
    right, found = np.zeros(n), np.zeros_like(value)
    for i in range(1, n - 1):
        pivot = 2.0 * (h[i - 1] + h[i]) - h[i - 1] * right[i - 1]
        right[i] = h[i] / pivot
        found[i] = (6.0 * (slope[i] - slope[i - 1]) - h[i - 1] * found[i - 1]) / pivot
    for i in range(n - 2, 0, -1):
        found[i] -= right[i] * found[i + 1]
    return found


def _sample(wave, value, at):
    """The splines through value [n][n_lambda] at other places."""
    value = np.ascontiguousarray(value.T)
    curvature = curvatures(wave, value)
    k = np.clip(np.searchsorted(wave, at, side="right") - 1, 0, wave.size - 2)
    h = (wave[k + 1] - wave[k])[:, None]
    u = (at - wave[k])[:, None] / h
    v = 1.0 - u
    return (v * value[k] + u * value[k + 1] + h * h / 6.0
            * ((v * v - 1.0) * v * curvature[k] + (u * u - 1.0) * u * curvature[k + 1])).T


def _axis(wave, step):
    return wave[0] + step * np.arange(int((wave[-1] - wave[0]) / step + 1e-9) + 1)


def _folder(library, out, asked, spectra, metals, step):
    wave, flux, fwhm = spectra
    step = step or float(np.median(np.diff(wave)))
    axis = _axis(wave, step)
    names = _names(library["Age"], metals, asked)
    try:
        os.makedirs(out, exist_ok=True)
        if any(name.lower().endswith(".fits") for name in os.listdir(out)):
            raise Fault(OUTPUT,
                        "%s has FITS files already, which would be taken for templates: choose an empty folder" % out)
    except OSError as error:
        raise Fault(OUTPUT, "%s cannot be made: %s" % (out, error.strerror or error))
    for (i, j), name in names.items():
        data = _sample(wave, flux[i, j][None], axis)[0].astype(np.float32)
        hdu = fits.PrimaryHDU(data)
        for key, value, comment in (("CRPIX1", 1.0, ""), ("CRVAL1", axis[0], "[Angstrom]"),
                                    ("CDELT1", step, "[Angstrom]"),
                                    ("CTYPE1", "AWAV" if asked.medium("vacuum") == "air" else "WAVE", ""),
                                    ("CUNIT1", "Angstrom", ""),
                                    ("BUNIT", "Lsun/Angstrom", "per solar mass formed"),
                                    ("AGE", library["Age"][j], "[Gyr]"),
                                    ("METAL", library["Metallicity"][i], "mass fraction"),
                                    ("LIBRARY", library.texts["Name"][:60], ""),
                                    ("FWHM", float(np.median(fwhm)), "[Angstrom] median")):
            hdu.header[key] = (value, comment)
        memory = io.BytesIO()
        hdu.writeto(memory)
        with atomic_file(os.path.join(out, name)) as stream:
            stream.write(memory.getvalue())
    asked.say("%s written: %d templates of %d wavelengths, %.1f to %.1f AA in steps of %g" % (out, len(names),
                                                                                              axis.size, axis[0],
                                                                                              axis[-1], step))


def _names(ages, metals, asked):
    """{(i_Z, i_age): file name} of those whose age and metallicity the names can tell apart."""
    told = []
    for metal in metals:
        shown = round(metal, 2)
        if shown == 0.0:
            asked.say("[M/H] = 0.00 is named 0.01: GIST and nGIST take 0.00 for the metallicity before it")
            shown = 0.01
        told.append("Z%s%.2f" % ("p" if shown > 0 else "m", abs(shown)))
    if len(set(told)) < len(told):
        raise Fault(INPUT,
                    "two metallicities of the library are both [M/H] = %s: the names of the files cannot tell them "
                    "apart"
                    % next(name for name in told if told.count(name) > 1))
    kept = {}
    for j, age in enumerate(ages):
        kept.setdefault("T%07.4f" % age, j)
    kept = {name: j for name, j in kept.items()
            if abs(float(name[1:]) - ages[j]) <= SAME * ages[j] and 0.0 < ages[j] <= LATEST}
    if len(kept) < ages.size:
        asked.say("warning: %d of %d ages are left out: names have four decimals of Gyr" % (ages.size - len(kept),
                                                                                            ages.size))
    return {(i, j): "Mcb1.30%s%s_iPp0.00_baseFe.fits" % (z, age) for i, z in enumerate(told) for age,
            j in sorted(kept.items())}
