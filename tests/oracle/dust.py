"""Section 13: extinction laws, screens and birth clouds."""
import numpy as np
from scipy.interpolate import CubicSpline

MAG = 0.4 * np.log(10)

# Wavelengths [AA] for which they hold, and R_V.
RANGE = {"G23": (912, 320000), "CCM89": (1000, 1e5 / 3), "O94": (1000, 1e5 / 3), "F99": (1000, 1e5 / 3),
         "SMC": (1000, 1e5 / 3), "Calzetti": (1200, 22000), "powerlaw": (0, np.inf)}
R_V = {"G23": (2.3, 5.6), "CCM89": (2, 6), "O94": (2, 6), "F99": (2, 6)}


def _ccm(x, r, optical):
    """Cardelli, Clayton & Mathis 1989, equations 2 to 5."""
    y = x - 1.82
    a_opt, b_opt = (np.polynomial.Polynomial(c)(y) for c in optical)
    f = np.where(x > 5.9, x - 5.9, 0)
    a_uv = 1.752 - 0.316 * x - 0.104 / ((x - 4.67)**2 + 0.341) - 0.04473 * f**2 - 0.009779 * f**3
    b_uv = -3.090 + 1.825 * x + 1.206 / ((x - 4.62)**2 + 0.263) + 0.2130 * f**2 + 0.1207 * f**3
    g = x - 8
    a_far, b_far = -1.073 - 0.628 * g + 0.137 * g**2 - 0.070 * g**3, 13.670 + 4.257 * g - 0.420 * g**2 + 0.374 * g**3
    where = [x < 1.1, x < 3.3, x <= 8]
    return (np.select(where, [0.574 * x**1.61, a_opt, a_uv], a_far) +
            np.select(where, [-0.527 * x**1.61, b_opt, b_uv], b_far) / r)


CCM = ([1, .17699, -.50447, -.02427, .72085, .01979, -.77530, .32999],
       [0, 1.41338, 2.28305, 1.07233, -5.38434, -.62251, 5.30260, -2.09002])
ODONNELL = ([1, .104, -.609, .701, 1.137, -1.718, -.827, 1.647, -.505],
            [0, 1.952, 2.908, -3.989, -7.985, 11.102, 5.491, -10.805, 3.347])


def _fm90(x, c1, c2, c3, c4, x0, gamma):
    d = x**2 / ((x**2 - x0**2)**2 + x**2 * gamma**2)
    f = np.where(x >= 5.9, 0.5392 * (x - 5.9)**2 + 0.05644 * (x - 5.9)**3, 0)
    return c1 + c2 * x + c3 * d + c4 * f


def _anchored(x, r, ultraviolet, anchors):
    """FM90 below 2700 AA, and a natural cubic spline through anchors (AA: A/A(V)) to the red of it."""
    points = sorted([(0.0, 0.0)] + [(1e4 / lam, y) for lam, y in anchors.items()] +
                    [(1e4 / lam, _fm90(1e4 / lam, *ultraviolet) / r + 1) for lam in (2700, 2600)])
    spline = CubicSpline(*np.transpose(points), bc_type="natural")
    return np.where(x >= 1e4 / 2700, _fm90(x, *ultraviolet) / r + 1, spline(np.minimum(x, 1e4 / 2600)))


def _f99(x, r):
    c2 = -0.824 + 4.717 / r
    anchors = {26500: .265 / 3.1, 12200: .829 / 3.1, 6000: (-.426 + 1.0044 * r) / r, 5470: (-.050 + 1.0016 * r) / r,
               4670: (.701 + 1.0016 * r) / r, 4110: (1.208 + 1.0032 * r - .00033 * r**2) / r}
    return _anchored(x, r, (2.030 - 3.007 * c2, c2, 3.23, 0.41, 4.596, 0.99), anchors)


def _smc(x):
    return _anchored(x, 2.74, (-4.959, 2.264, .389, .461, 4.6, 1.0),
                     {21980: .11, 16500: .169, 12500: .25, 8100: .567, 6500: .801, 5500: 1, 4400: 1.374, 3700: 1.672})


def _peak(x, amp, x0, w):
    return amp * (w / x0)**2 / ((x / x0 - x0 / x)**2 + (w / x0)**2)


def _step(t):
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _g23(x, r):
    """Gordon et al. 2023."""
    lam = 1 / x
    first = 0.38526 * lam**-1.68467
    second = 0.38526 * 4.30578**(0.78791 - 1.68467) * lam**-0.78791
    w = _step((lam - 4.30578) / 4.78338 + 0.5)
    a_ir, b_ir = first * (1 - w) + second * w, -1.01251 * x**1.06099
    for amp, centre, width, skew in ((.06652, 9.8434, 2.21205, -.24703), (.0267, 19.58294, 17, -.27)):
        a_ir = a_ir + _peak(lam, amp, centre, 2 * width / (1 + np.exp(skew * (lam - centre))))
    a_opt = np.polynomial.Polynomial([-.35848, .7122, .08746, -.05403, .00674])(x)
    b_opt = np.polynomial.Polynomial([.12354, -2.68335, 2.01901, -.39299, .03355])(x)
    for a, b, x0, width in ((.03893, .18453, 2.288, .243), (.02965, .19728, 2.054, .179), (.01747, .1713, 1.587, .243)):
        a_opt, b_opt = a_opt + _peak(x, a, x0, width), b_opt + _peak(x, b, x0, width)
    a_uv = _fm90(x, .81297, .2775, 1.06295, .11303, 4.60, .99)
    b_uv = _fm90(x, -2.97868, 1.89808, 3.10334, .65484, 4.60, .99)
    red, blue = _step((lam - 0.9) / 0.2), _step((lam - 0.3) / 0.03)
    a = red * a_ir + (1 - red) * (blue * a_opt + (1 - blue) * a_uv)
    b = red * b_ir + (1 - red) * (blue * b_opt + (1 - blue) * b_uv)
    return (a + b * (1 / r - 1 / 3.1)) / 0.9854


def _calzetti(x):
    """Calzetti et al. 2000, equation 4."""
    blue, red = -2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3, -1.857 + 1.040 * x
    return (2.659 * np.where(x > 1 / 0.63, blue, red) + 4.05) / 4.05


def k(law, lam, shape=3.1):
    """A(lambda)/A(V) at vacuum wavelengths [AA] of the dust at rest; shape: R_V, or the slope of powerlaw."""
    lam = np.asarray(lam, float)
    x = 1e4 / lam
    return {"CCM89": lambda: _ccm(x, shape, CCM), "O94": lambda: _ccm(x, shape, ODONNELL), "F99": lambda: _f99(x, shape),
            "SMC": lambda: _smc(x), "G23": lambda: _g23(x, shape), "Calzetti": lambda: _calzetti(x),
            "powerlaw": lambda: (lam / 5500)**-shape}[law]()


def of_channels(law, edges, z, shape=3.1):
    """In channels: at their centres, and the mean over those wider than 1 % of their wavelength."""
    lo, hi = edges[:-1] / (1 + z), edges[1:] / (1 + z)
    centre, (x, w) = (lo + hi) / 2, np.polynomial.legendre.leggauss(40)
    mean = (k(law, centre[:, None] + (hi - lo)[:, None] / 2 * x, shape) * w / 2).sum(axis=1)
    return np.where(hi - lo > 0.01 * centre, mean, k(law, centre, shape))


def screen(law, edges, z, a_v, shape=3.1):
    """What a uniform screen leaves of the light in every channel."""
    return np.exp(-MAG * a_v * of_channels(law, edges, z, shape))


def birth_cloud(lam, age, tau, t_birth=10.0, slope=0.7):
    """What a cloud leaves of a population's light: [age][lam], age in Gyr, t_birth in Myr, lam in AA at rest."""
    s = 1 / (1 + (np.asarray(age, float) * 1e3 / t_birth)**8)
    return np.exp(-tau * s[:, None] * (np.asarray(lam, float) / 5500)**-slope)
