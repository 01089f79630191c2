"""What the chain needs to know of a spectrograph (sections 4, 5, 9, 10)."""
import math
from dataclasses import dataclass, field
from typing import Callable, Optional, Union

import numpy as np

from . import spectral


@dataclass
class Instrument:
    n_x: int
    n_y: int
    pixel_x: float
    pixel_y: float
    lam_min: float
    lam_max: float
    step: float                                             # AA; grid log: dex; else what the grid says
    medium: str = "vacuum"
    aperture: str = "square"
    pointing: tuple = (0.0, 0.0)
    roll: float = 0.0                                       # degrees
    lsf_fwhm: Optional[Callable] = None                     # AA, of the wavelength in the output's medium
    lsf_pixel_included: bool = True
    lsf_shape: str = "gaussian"
    psf: str = "none"
    psf_fwhm: Optional[Callable] = None                     # arcsec, likewise
    psf_beta: Union[float, Callable] = 2.5                  # likewise
    psf_axis_ratio: float = 1.0
    psf_angle: float = 0.0                                  # degrees, of the major axis, from up to the left
    psf_kernel: Optional[np.ndarray] = None
    area: float = 0.0                                       # cm2
    throughput: Callable = field(default=lambda lam: np.ones_like(lam))
    sky: Callable = field(default=lambda lam: np.zeros_like(lam))
    dark: float = 0.0
    read_noise: float = 0.0
    n_pixel: float = 1.0
    exposure: float = math.inf
    n_sky: float = 0.0
    grid: str = "linear"                                    # or log, list, steps
    listed: Optional[np.ndarray] = None                     # list: the centres; steps: c0, c1 of step = c0 + c1 lambda
    gaps: tuple = ()                                        # from, to, from, to ...

    def centres(self):
        return self._places(0.0)

    def borders(self):
        """[n + 1] in the output's medium."""
        if self.grid != "list":
            return np.append(self._places(-0.5), self._places(0.5)[-1])
        x = self.listed
        return np.concatenate([[1.5 * x[0] - 0.5 * x[1]], 0.5 * (x[1:] + x[:-1]), [1.5 * x[-1] - 0.5 * x[-2]]])

    def _places(self, shift):
        """Of channel k + shift, from the closed forms."""
        k = np.arange(1_000_000)
        if self.grid == "list":
            return self.listed
        if self.grid == "linear":
            return spectral.channels(self.lam_min, self.lam_max, self.step) + shift * self.step
        if self.grid == "log":
            k = k[:int(np.floor(np.log10(self.lam_max / self.lam_min) / self.step + 1 + 1e-6))]
            return self.lam_min * 10**(self.step * (k + shift))
        c0, c1 = self.listed
        own = (self.lam_min + c0 / c1) * np.exp(c1 * k[:10000]) - c0 / c1
        return (self.lam_min + c0 / c1) * np.exp(c1 * (k[:10000][own <= self.lam_max * (1 + 1e-9)] + shift)) - c0 / c1

    def edges(self):
        """Vacuum wavelengths of the n + 1 channel edges."""
        if self.grid == "linear":
            return spectral.edges(self.lam_min, self.lam_max, self.step, self.medium)
        return spectral.air_to_vacuum(self.borders()) if self.medium == "air" else self.borders()

    def widths(self):
        return np.full(len(self.centres()), self.step) if self.grid == "linear" else np.diff(self.borders())

    def width_at(self, lam):
        """Of a channel whose centre is lam; straight between a table's centres."""
        if self.grid == "linear":
            return self.step
        if self.grid == "log":
            return lam * (10**(0.5 * self.step) - 10**(-0.5 * self.step))
        return np.interp(lam, self.centres(), self.widths())

    def open(self):
        """[n_lambda]: channels outside the gaps."""
        lam, out = self.centres(), np.ones(len(self.centres()), bool)
        for a, b in zip(self.gaps[::2], self.gaps[1::2]):
            out &= (lam < a) | (lam > b)
        return out

    def inside(self):
        """[n_y][n_x]: spaxels in the aperture."""
        dx = np.abs((np.arange(self.n_x) + 0.5 - 0.5 * self.n_x) * self.pixel_x)[None, :]
        dy = np.abs((np.arange(self.n_y) + 0.5 - 0.5 * self.n_y) * self.pixel_y)[:, None]
        size = self.n_x * self.pixel_x
        if self.aperture == "circle":
            return dx**2 + dy**2 <= (0.5 * size)**2
        if self.aperture == "hexagon":
            return (dy <= size * math.sqrt(3) / 4) & (math.sqrt(3) * dx + dy <= size * math.sqrt(3) / 2)
        return np.ones((self.n_y, self.n_x), bool)
