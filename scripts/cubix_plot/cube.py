"""What a picture needs of a cube: voxels, maps, wavelengths, and where on the sky a spaxel lies."""
import os
import re

import h5py
import numpy as np
from astropy.io import fits
from cubix_ssp import hdf5
from cubix_ssp.fault import INPUT, Fault, reading

LAYOUTS = (("DATA", "STAT"), ("FLUX", "IVAR"), ("SCI", "ERR"), ("PRIMARY", "VARIANCE"))     # flux, and its spread
BLOCK = 1 << 25                                       # voxels read at a time
SOUNDED = 48                                          # channels that say what a spaxel's S/N is
UNITS = {"solMass": r"$M_\odot$", "Msun": r"$M_\odot$", "Gyr": "Gyr", "km/s": r"km s$^{-1}$", "1": "", "": "",
         "solMass/yr": r"$M_\odot$ yr$^{-1}$"}


class Cube:
    """What the picture needs of a file, whichever its format."""

    def __init__(self, path):
        self.path, self.images, self.headers, self.facts, self.grids = path, {}, {}, {}, {}
        if not os.path.isfile(path):
            raise Fault(INPUT, "%s is not a file" % path if os.path.exists(path) else "%s: no such file" % path)
        with reading(path, "cannot be opened"), open(path, "rb") as file:
            magic = file.read(8)
        if magic == b"\x89HDF\r\n\x1a\n":
            with reading(path, "cannot be read as HDF5"):
                self._read_hdf5()
        elif magic[:6] == b"SIMPLE" or magic[:2] == b"\x1f\x8b":
            with reading(path, "cannot be read as FITS (cut short?)"):
                self._read_fits()
        else:
            raise Fault(INPUT, "%s is neither FITS nor HDF5" % path)
        self.flux, self.spread = next(
            (pair for pair in LAYOUTS if pair[0] in self.images and len(self.images[pair[0]].shape) == 3), (None, None))
        if not self.flux:
            raise Fault(INPUT, "%s has no cube DATA (or FLUX, SCI) [n_lambda][n_y][n_x]: not a cube of CUBIX" % path)
        self.n_lambda, self.n_y, self.n_x = self.images[self.flux].shape
        self.header = self.headers[self.flux]
        with reading(path, "is no cube of CUBIX"):
            self._units()

    def _read_fits(self):
        hdus = fits.open(self.path, memmap=True)
        self.facts = dict(hdus[0].header)
        for hdu in hdus:
            if hdu.is_image and hdu.header.get("NAXIS", 0) >= 2:
                self.images[hdu.name] = hdu.data
                self.headers[hdu.name] = dict(hdu.header)
            elif hdu.name == "WCS-TABLE":
                self.grids = {name: hdu.data[name][0].ravel() for name in hdu.data.names}

    def _read_hdf5(self):
        file = hdf5.open_file(self.path)
        for name, item in file.items():
            if isinstance(item, h5py.Dataset) and item.ndim >= 2 and item.dtype.kind in "fiu":
                self.images[name] = item
                self.headers[name] = {key: plain(value) for key, value in item.attrs.items()}
                self.headers[name].setdefault("BUNIT", self.headers[name].get("unit", ""))
        self.grids = {name: item[()] for name, item in file.get("WCS-TABLE", {}).items()}
        for name, item in file.get("Provenance", {}).items():
            self.facts[name] = plain(item[()])

    def _units(self):
        """Wavelengths [AA], the flux unit, and the plane of the sky."""
        head = self.header
        need = ("CRVAL3", "CTYPE3", "CRPIX1", "CRPIX2", "BUNIT")
        lacking = [key for key in need if key not in head]
        if lacking:
            raise Fault(INPUT, "%s: the header of DATA lacks %s" % (self.path, ", ".join(lacking)))
        kind = str(head["CTYPE3"]).strip()[:4]
        tail = str(head["CTYPE3"]).strip()[4:]
        unit = str(head.get("CUNIT3", "Angstrom")).strip()
        if kind not in ("AWAV", "WAVE") or tail not in ("", "-LOG", "-TAB") or unit.lower() not in ("angstrom", "aa"):
            raise Fault(INPUT, "%s: CTYPE3 = %s, CUNIT3 = %s; must be AWAV or WAVE (linear, -LOG or -TAB) in Angstrom"
                        % (self.path, head["CTYPE3"], head.get("CUNIT3")))
        self.medium = "air" if kind == "AWAV" else "vacuum"
        step = float(head.get("CD3_3", head.get("CDELT3", 0.0)))
        first, along = float(head["CRVAL3"]), (np.arange(self.n_lambda) + 1.0 - float(head.get("CRPIX3", 1.0))) * step
        self.wave = (np.asarray(self.grids[str(head["PS3_1"])], float) if tail == "-TAB" else
                     first * np.exp(along / first) if tail == "-LOG" else first + along)
        match = re.match(r"^\s*10\s*\*\*\s*\(?\s*([-+]?\d+)\s*\)?[\s*]*(.*)$", str(head["BUNIT"]))
        power, rest = (int(match.group(1)), match.group(2)) if match else (0, str(head["BUNIT"]))
        rest = re.sub(r"/(pixel|spaxel)$", "", rest.strip())
        self.surface = rest == "MJy/sr"
        plain_rest = re.sub(r"[\s*^]", "", rest).replace("AA", "Angstrom")
        if not self.surface and plain_rest not in ("erg/s/cm2/Angstrom", "erg/(scm2Angstrom)"):
            raise Fault(INPUT, "%s: BUNIT = %s, must be like 10**(-20)*erg/s/cm**2/Angstrom"
                        % (self.path, head["BUNIT"]))
        self.power = power
        cd = [[float(head.get("CD%d_%d" % (i, j), head.get("CDELT%d" % i, 0.0) if i == j else 0.0)) for j in (1, 2)]
              for i in (1, 2)]
        self.cd = 3600.0 * np.array(cd)                                  # arcsec east, north per spaxel
        if abs(np.linalg.det(self.cd)) < 1e-12:
            raise Fault(INPUT, "%s: the header of DATA has no pixel scale (CD1_1 ...)" % self.path)
        # the galaxy's centre, from 0
        self.origin = np.array([float(head["CRPIX1"]) - 1.0, float(head["CRPIX2"]) - 1.0])
        self.scale = float(np.sqrt(abs(np.linalg.det(self.cd))))

    def sky(self, x, y):
        """Offset east and north of the galaxy's centre [arcsec] of a spaxel."""
        dx, dy = x - self.origin[0], y - self.origin[1]
        return self.cd[0, 0] * dx + self.cd[0, 1] * dy, self.cd[1, 0] * dx + self.cd[1, 1] * dy

    def sum(self, first, end):
        """Sum over channels."""
        total = np.zeros((self.n_y, self.n_x))
        step = max(1, BLOCK // (self.n_y * self.n_x))
        for k in range(first, end, step):
            total += np.nansum(np.asarray(self.images[self.flux][k:min(k + step, end)], float), axis=0)
        return total

    def white(self):
        """Mean over wavelength, and which spaxels hold anything."""
        total = self.sum(0, self.n_lambda)
        inside = np.ones(total.shape, bool)
        for name in ("DQ", "MASK"):
            if name in self.images:
                channels = np.unique(np.linspace(0, self.n_lambda - 1, 16).astype(int))
                bits = np.bitwise_and.reduce([np.asarray(self.images[name][k]).astype(int) for k in channels])
                inside = (bits & 1) == 0
        return total / self.n_lambda, inside

    def bands(self):
        """Sums over the red, middle and blue third of the wavelengths, each as bright as the others in all."""
        edges = np.searchsorted(self.wave, np.geomspace(self.wave[0], self.wave[-1], 4)[1:3])
        edges = [0, *np.clip(edges, 1, self.n_lambda), self.n_lambda]
        three = [np.maximum(self.sum(edges[i], edges[i + 1]), 0.0) for i in (2, 1, 0)]
        return np.stack([one / (one.sum() or 1.0) for one in three], axis=-1)

    def plane(self, name):
        """The name in the file of a map [n_y][n_x], or None; names in FITS have no case."""
        return next((key for key, image in self.images.items()
                     if key.upper() == name.upper() and image.shape == (self.n_y, self.n_x)), None)

    def map(self, name):
        """A map, seen through the PSF where there is such."""
        return self.plane(name + "_OBS") or self.plane(name)

    def planes(self):
        return [name for name, image in self.images.items() if image.shape == (self.n_y, self.n_x)]

    def values(self, name):
        return np.array(self.images[self.plane(name)], float)

    def unit(self, name):
        """As a figure shows it; "" for a pure number."""
        header = self.headers[name]
        unit = str(header.get("BUNIT", header.get("unit", "")))
        light = re.match(r"^10\*\*\(?(-?\d+)\)?\*erg/s/cm\*\*2$", unit)
        return r"$10^{%s}$ erg s$^{-1}$ cm$^{-2}$" % light.group(1) if light else UNITS.get(unit, unit)

    def flux_unit(self, power):
        return (r"$10^{%d}$ MJy sr$^{-1}$" if self.surface else
                r"$10^{%d}$ erg s$^{-1}$ cm$^{-2}$ $\mathrm{\AA}^{-1}$ per spaxel") % power

    def stars(self, ending=""):
        """How many stars a spaxel of a truth map speaks for, or None: their number, and through the PSF how many of
        mean mass would have the mass."""
        number, mass = self.plane("NSTAR"), self.plane("MASS")
        if not ending or not number or not mass or not self.plane("MASS" + ending):
            return self.values(number) if number and not ending else None
        total = np.nansum(self.values(number))
        return self.values("MASS" + ending) / (np.nansum(self.values(mass)) / total) if total > 0 else None

    def light(self):
        """Where the galaxy is, without noise where the file knows it."""
        name = next((one for one in ("LIGHT_OBS", "LIGHT", "MASS_OBS", "MASS") if self.plane(one)), None)
        if name:
            return np.nan_to_num(np.maximum(self.values(name), 0.0))
        white, inside = self.white()
        white = np.where(inside & np.isfinite(white), white, 0.0)
        return np.where(white > 3.0 * 1.4826 * np.median(np.abs(white)), white, 0.0)   # most of the field is sky

    def _spread(self, flux, of):
        """Standard deviations where `of` speaks of the spread; NaN without noise."""
        if self.spread not in self.images or self.images[self.spread].shape != self.images[self.flux].shape:
            return np.full(flux.shape, np.nan)
        spread = np.maximum(np.asarray(of(self.images[self.spread]), float), 0.0)
        with np.errstate(divide="ignore"):
            sigma = (spread if self.spread == "ERR" else 1 / np.sqrt(spread) if self.spread == "IVAR" else
                     np.sqrt(spread))
        return np.where((sigma > 0) & np.isfinite(sigma), sigma, np.nan)

    def spectrum(self, x, y):
        """Flux and its standard deviation, in BUNIT; no deviation where there is no noise."""
        flux = np.asarray(self.images[self.flux][:, y, x], float)
        sigma = self._spread(flux, lambda cube: cube[:, y, x])
        return flux, sigma if np.isfinite(sigma).any() else None

    def snr(self, flux, sigma):
        """Median S/N per sqrt(AA); along the first axis.  NaN without noise."""
        with np.errstate(invalid="ignore"):
            ratio = flux / sigma
        good = np.isfinite(ratio)
        ratio = np.ma.masked_array(ratio, ~good)
        return np.ma.filled(np.ma.median(ratio, axis=0), np.nan) / np.sqrt(np.median(np.abs(np.diff(self.wave))))

    def snr_map(self):
        """S/N of every spaxel, by some channels; None without noise."""
        some = np.unique(np.linspace(0, self.n_lambda - 1, SOUNDED).astype(int))
        flux = np.array([self.images[self.flux][int(k)] for k in some], float)
        sigma = self._spread(flux, lambda cube: np.array([cube[int(k)] for k in some]))
        return self.snr(flux, sigma) if np.isfinite(sigma).any() else None

    def fact(self, name, default=None):
        return self.facts.get(name, self.header.get(name, default))


def plain(value):
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if hasattr(value, "item") and getattr(value, "size", 2) == 1 else value
