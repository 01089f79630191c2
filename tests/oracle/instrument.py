"""What the chain needs to know of a spectrograph (sections 4, 5, 9, 10)."""
import math
from dataclasses import dataclass, field
from typing import Callable, Optional

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
    step: float
    medium: str = "vacuum"
    aperture: str = "square"
    pointing: tuple = (0.0, 0.0)
    roll: float = 0.0                                       # degrees
    lsf_fwhm: Optional[Callable] = None                     # AA, of the wavelength in the output's medium
    lsf_pixel_included: bool = True
    psf: str = "none"
    psf_fwhm: Optional[Callable] = None                     # arcsec, likewise
    psf_beta: float = 2.5
    psf_kernel: Optional[np.ndarray] = None
    area: float = 0.0                                       # cm2
    throughput: Callable = field(default=lambda lam: np.ones_like(lam))
    sky: Callable = field(default=lambda lam: np.zeros_like(lam))
    dark: float = 0.0
    read_noise: float = 0.0
    n_pixel: float = 1.0
    exposure: float = math.inf
    n_sky: float = 0.0

    def centres(self):
        return spectral.channels(self.lam_min, self.lam_max, self.step)

    def edges(self):
        return spectral.edges(self.lam_min, self.lam_max, self.step, self.medium)

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
