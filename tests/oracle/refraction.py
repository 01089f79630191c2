"""Section 9.2: refraction of the air, and where it puts the cores of a bundle."""
import math

import numpy as np


def filippenko(lam, pressure=800.0, temperature=7.0, vapour=10.7):
    """n - 1 at lam [AA, vacuum]; hPa, degrees Celsius.  Filippenko 1982, PASP 94, 715, one equation after another."""
    s = 1e4 / np.asarray(lam, float)                        # 1/um
    p, f = pressure * 760 / 1013.25, vapour * 760 / 1013.25
    n = 64.328 + 29498.1 / (146 - s**2) + 255.4 / (41 - s**2)              # 1: sea level, 15 C, dry
    n = n * p * (1 + (1.049 - 0.0157 * temperature) * 1e-6 * p) / (720.883 * (1 + 0.003661 * temperature))     # 2
    n = n - (0.0624 - 0.000680 * s**2) * f / (1 + 0.003661 * temperature)  # 3: water
    return n * 1e-6


def ciddor(lam, pressure=800.0, temperature=7.0):
    """n - 1 of dry air, by its density: Ciddor 1996, Appl. Opt. 35, 1566, equation 1."""
    s2 = (1e4 / np.asarray(lam, float))**2
    standard = 1e-8 * (5792105 / (238.0185 - s2) + 167917 / (57.362 - s2))
    return standard * pressure / 1013.25 * 288.15 / (273.15 + temperature)


def shift(lam, airmass, angle, reference=5500.0, index=filippenko, roll=0.0, **air):
    """[len(lam)][2] (east, north) by how much the place that a core sees is off the one at `reference` [arcsec]; with
    roll along the axes of a field that is turned by it."""
    lift = math.degrees(1) * 3600 * (index(lam, **air) - index(reference, **air)) * math.tan(math.acos(1 / airmass))
    q = math.radians(angle)
    east, north = -lift * math.sin(q), -lift * math.cos(q)
    c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    return np.column_stack([c * east - s * north, s * east + c * north])
