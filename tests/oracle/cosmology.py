"""Section 1: ages and distances in LCDM without radiation, all by quadrature (the closed form is
what the tests compare with)."""
import math

from scipy.integrate import quad

from .constants import ARCSEC, C, HUBBLE_GYR


def _e2(x, om, ol):
    """E^2 at 1 + z = x."""
    return om * x**3 + (1.0 - om - ol) * x**2 + ol


def age(a, om, ol, h):
    """Age of the universe at scale factor a [Gyr]: int_0^a da / (a H(a)).  With a = s^2 the
    integrand is smooth at the big bang."""
    if a <= 0:
        return 0.0
    value, _ = quad(lambda s: 2.0 * s**2 / math.sqrt(om + (1.0 - om - ol) * s**2 + ol * s**6), 0.0, math.sqrt(a),
                    epsabs=0, epsrel=1e-13, limit=200)
    return HUBBLE_GYR / (100.0 * h) * value


def comoving_distance(z, om, ol, h):
    """Line-of-sight comoving distance [Mpc]."""
    value, _ = quad(lambda x: 1.0 / math.sqrt(_e2(1.0 + x, om, ol)), 0.0, z, epsabs=0, epsrel=1e-13, limit=200)
    return C / (100.0 * h) * value


def transverse_distance(z, om, ol, h):
    """D_M [Mpc]."""
    d_c, d_h, ok = comoving_distance(z, om, ol, h), C / (100.0 * h), 1.0 - om - ol
    if abs(ok) < 1e-12:
        return d_c
    root = math.sqrt(abs(ok))
    return d_h / root * (math.sinh(root * d_c / d_h) if ok > 0 else math.sin(root * d_c / d_h))


def luminosity_distance(z, om, ol, h):
    return (1.0 + z) * transverse_distance(z, om, ol, h)


def scene(z, om, ol, h, distance=0.0):
    """(D_L [Mpc], kpc per arcsec); distance > 0 replaces D_L."""
    d_l = distance if distance > 0 else luminosity_distance(z, om, ol, h)
    return d_l, 1000.0 * d_l / (1.0 + z)**2 * ARCSEC
