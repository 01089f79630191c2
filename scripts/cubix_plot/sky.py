"""Images of spaxels: where they lie on the sky, how values become colours, and the bar that says so."""
import re

import numpy as np
from cubix_ssp.fault import COMMAND, Fault
from matplotlib.colors import FuncNorm, LogNorm, Normalize, PowerNorm
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Affine2D

OUTSIDE = "#55555f"                                   # the aperture: neither sky nor paper
EAST, NORTH = r"$\Delta\alpha\,\cos\delta$ [arcsec]", r"$\Delta\delta$ [arcsec]"
DECADES = 1e-4                                        # the least that a logarithmic bar shows of its most
SOFT = 100.0                                          # asinh: linear below 1 / SOFT of the most
LIGHT_SHARE = 0.003, 0.997                            # of the light, in either direction, that a picture is cropped to
SLACK = 0.3                                           # around it
ROOMY = 1.3                                           # inches: an image with room for more numbers
WORTH = 0.75                                          # of the field: what takes more is not cropped


# ---- where ---------------------------------------------------------------------------------------
def quantile(values, weights, shares):
    """Values below which the shares of the weight lie."""
    order = np.argsort(values)
    summed = np.cumsum(weights[order])
    at = np.searchsorted(summed, np.asarray(shares) * summed[-1])
    return values[order][np.minimum(at, len(order) - 1)]


def field(cube):
    """West, east, south, north end [arcsec]."""
    corners = np.array([cube.sky(x, y) for x in (-0.5, cube.n_x - 0.5) for y in (-0.5, cube.n_y - 0.5)])
    return corners[:, 0].min(), corners[:, 0].max(), corners[:, 1].min(), corners[:, 1].max()


def box(cube, extent):
    """What is shown: `extent` arcsec about the galaxy's centre, all, or (None) where the light is."""
    whole = field(cube)
    if extent == "all":
        return whole
    if extent is not None:
        half = 0.5 * extent
        if half <= max(whole[0], -whole[1], whole[2], -whole[3]):
            raise Fault(COMMAND,
                        "--extent %g: the galaxy's centre lies outside the field, farther away than that" % extent)
        return -half, half, -half, half
    light = cube.light()
    if not (light > 0).any():
        return whole
    y, x = np.nonzero(light > 0)
    east, north = cube.sky(x, y)
    w, e = quantile(east, light[y, x], LIGHT_SHARE)
    s, n = quantile(north, light[y, x], LIGHT_SHARE)
    side = max((1.0 + SLACK) * max(e - w, n - s), 8.0 * cube.scale)
    if side > WORTH * min(whole[1] - whole[0], whole[3] - whole[2]):
        return whole
    w = np.clip(0.5 * (w + e - side), whole[0], whole[1] - side)
    s = np.clip(0.5 * (s + n - side), whole[2], whole[3] - side)
    return w, w + side, s, s + side


def draw_image(axes, cube, image, shown, **how):
    """An image of spaxels on axes in arcsec east (to the left) and north; a rolled detector is drawn rolled."""
    cd, o = cube.cd, cube.origin
    to_sky = Affine2D(np.array([[cd[0, 0], cd[0, 1], -cd[0] @ o], [cd[1, 0], cd[1, 1], -cd[1] @ o], [0.0, 0.0, 1.0]]))
    drawn = axes.imshow(image, origin="lower", interpolation="nearest",
                        extent=(-0.5, cube.n_x - 0.5, -0.5, cube.n_y - 0.5), aspect="auto",
                        transform=to_sky + axes.transData, rasterized=True, **how)
    axes.set_xlim(shown[1], shown[0])
    axes.set_ylim(shown[2], shown[3])
    axes.set_aspect("equal")
    wide = axes.get_position(original=True).width * axes.figure.get_size_inches()[0]
    axes.locator_params(nbins=5 if wide > ROOMY else 3, steps=(1, 2, 5, 10))
    return drawn


def draw_compass(axes, colour, size):
    for dx, dy, name in ((0.0, 0.13, "N"), (-0.13, 0.0, "E")):
        axes.annotate("", xy=(0.93 + dx, 0.06 + dy), xytext=(0.93, 0.06), xycoords="axes fraction",
                      arrowprops=dict(arrowstyle="-|>", lw=0.9, color=colour, shrinkA=0, shrinkB=0, mutation_scale=8))
        axes.text(0.93 + 1.33 * dx, 0.06 + 1.33 * dy, name, transform=axes.transAxes, color=colour, fontsize=size,
                  ha="center", va="center")


def draw_scale_bar(axes, cube, colour, size):
    width = abs(axes.get_xlim()[1] - axes.get_xlim()[0])
    length = max(value * 10.0 ** power for power in range(-3, 5) for value in (1.0, 2.0, 5.0)
                 if value * 10.0 ** power <= 0.28 * width)
    kpc = cube.fact("KPCARC")
    label = "%g\u2033" % length + (" = %.3g kpc" % (length * float(kpc)) if kpc else "")
    share = length / width
    axes.plot([0.06, 0.06 + share], [0.06, 0.06], transform=axes.transAxes, color=colour, lw=1.6, solid_capstyle="butt")
    axes.text(0.06, 0.085, label, transform=axes.transAxes, color=colour, fontsize=size, ha="left", va="bottom")


# ---- values and colours --------------------------------------------------------------------------
def norm(stretch, low, high):
    if stretch == "log":
        return LogNorm(low, high, clip=True)
    if stretch == "asinh":
        span = high - low
        return FuncNorm((lambda v: np.arcsinh(np.maximum(v - low, 0.0) / span * SOFT) / np.arcsinh(SOFT),
                         lambda t: low + span / SOFT * np.sinh(t * np.arcsinh(SOFT))), vmin=low, vmax=high)
    return PowerNorm(0.5, low, high, clip=True) if stretch == "sqrt" else Normalize(low, high)


def limits(values, weights, stretch, about_zero=False):
    """Ends of a colour bar that the bulk of the weight asks for, whatever single spaxels hold."""
    good = np.isfinite(values) & (weights > 0) & ((values > 0) if stretch == "log" else True)
    if not good.any():
        return (1.0, 10.0) if stretch == "log" else (-1.0, 1.0) if about_zero else (0.0, 1.0)
    values, weights = values[good], weights[good]
    if about_zero:
        top = float(quantile(np.abs(values), weights, 0.98)) or 1.0
        return -top, top
    low, high = (float(value) for value in quantile(values, weights, (0.01, 0.99)))
    if stretch == "log":
        low = max(low, DECADES * high)
    if high > low:
        return low, high
    return (low / 2.0, low * 2.0) if stretch == "log" else (low - 0.5 * abs(low or 1.0), low + 0.5 * abs(low or 1.0))


def plain_power(low, high):
    """Which power of ten to take out of a bar's numbers, that they can be read."""
    most = max(abs(low), abs(high))
    return 0 if 0.01 <= most < 1e4 or not most > 0 else int(np.floor(np.log10(most)))


def plain_numbers(ticks, alike):
    """@param alike  with as many decimals as the one that needs most"""
    decimals = next(n for n in range(9) if n == 8 or all(abs(tick - round(tick, n)) <= 1e-6 * max(map(abs, ticks))
                                                         for tick in ticks)) if alike else 0
    return [(("%.*f" % (decimals, tick)) if alike else "%g" % tick).replace("-", "\u2212") for tick in ticks]


def log_ticks(low, high):
    """Ones, with twos and fives or threes where there is room."""
    span = np.log10(high / low)
    digits = (1, 2, 5) if span < 1.6 else (1, 3) if span < 2.6 else (1,)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [d * 10.0 ** p for p in powers for d in digits if low * 0.999 <= d * 10.0 ** p <= high * 1.001]
    return ticks if len(ticks) > 1 else list(np.geomspace(low, high, 3))


def colour_bar(page, place, drawn, stretch, unit, words=""):
    """A bar right of an image at place = (x, y, width, height), which are inches; numbers plain,
    unit and stretch said."""
    x, y, width, height = place
    gap, thick = 0.5 * page.letter, 0.85 * page.letter
    low, high = drawn.norm.vmin, drawn.norm.vmax
    bar = page.axes(x + width + gap, y, thick, height)
    page.figure.colorbar(drawn, cax=bar)
    power = plain_power(low, high)
    if stretch == "log":
        ticks = log_ticks(low, high)
        power = 0 if ticks[0] >= 1e-3 and ticks[-1] < 1e4 else int(np.floor(np.log10(ticks[0])))
    elif stretch == "asinh" and low == 0.0:
        ticks = [0.0] + [d * 10.0 ** p for p in range(-40, 40) for d in (1, 3)
                         if 0.012 * high < d * 10.0 ** p <= high]
    else:
        ticks = MaxNLocator(5, steps=(1, 2, 2.5, 5, 10)).tick_values(low, high)
    ticks = [tick for tick in ticks if low - 1e-9 * (high - low) <= tick <= high + 1e-9 * (high - low)]
    bar.yaxis.set_major_locator(FixedLocator(ticks))
    bar.yaxis.set_minor_locator(NullLocator())
    words_of = plain_numbers([tick / 10.0 ** power for tick in ticks], stretch in ("linear", "sqrt"))
    bar.yaxis.set_major_formatter(FixedFormatter(words_of))
    bar.tick_params(labelsize=page.tiny, length=2, pad=2)
    inner = re.match(r"^\$10\^\{(-?\d+)\}\$ ?(.*)$", unit)
    power, unit = (power + int(inner.group(1)), inner.group(2)) if inner else (power, unit)
    unit = (r"$10^{%d}$ " % power + unit).strip() if power else unit
    bar.set_ylabel(", ".join(word for word in (words, unit, stretch) if word), fontsize=page.tiny, labelpad=2)
    return bar


def colour_image(bands, inside):
    """Red, green and blue: the brightness by asinh, the colour kept (Lupton et al. 2004, PASP 116,
    133), and stretched."""
    mean = bands.mean(axis=2)
    vivid = np.maximum(mean[..., None] + 2.5 * (bands - mean[..., None]), 0.0)
    bright = np.ma.filled(norm("asinh", 0.0, brightest(mean, inside))(np.nan_to_num(mean)), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = np.where(mean[..., None] > 0, vivid * (np.clip(bright, 0.0, 1.0) / mean)[..., None], 0.0)
        shown /= np.maximum(shown.max(axis=2), 1.0)[..., None]
    return np.dstack([np.clip(shown, 0.0, 1.0), inside.astype(float)])


def brightest(image, inside):
    """The upper end of an image's bar: its peak, but for a hot spaxel or two."""
    good = image[inside & np.isfinite(image)]
    if not good.size or not good.max() > 0:
        return 1.0
    return float(max(np.percentile(good, 99.9), 0.2 * good.max()))
