"""Which spaxels to show, and their spectra."""
import numpy as np
from cubix_ssp.fault import INPUT, Fault

from .page import COLUMN, FULL

# of the spaxels, inside out: told apart by the colour-blind and in print
COLOURS = ("#c8321e", "#d98a00", "#1c6fb5")
MARKS = (("Ca K", 3934.78), ("Ca H", 3969.59), (r"H$\delta$", 4102.89), ("G", 4305.5), (r"H$\beta$", 4862.68),
         ("Mg b", 5176.6), ("Na D", 5894.6),
         (r"H$\alpha$", 6564.61), ("Ca T", 8544.4), ("CO", 22935.0))   # vacuum AA
ENOUGH = 3.0                                          # S/N per sqrt(AA) of a spaxel that is worth a look
SHARE = 0.15                                          # of a panel, that the standard deviation should reach
TIMES = 1, 2, 5, 10, 20, 50, 100                      # by which it may be multiplied for that


# ---- which spaxels -------------------------------------------------------------------------------
def choose(cube, white, inside):
    """Three spaxels: the centre, and one and two half-light radii along the major axis, as far as S/N is enough."""
    light = np.where(inside & np.isfinite(white), np.maximum(white, 0.0), 0.0)
    if not light.any():
        raise Fault(INPUT, "%s holds no light: every voxel is 0 or negative" % cube.path)
    y, x = np.mgrid[:cube.n_y, :cube.n_x]
    snr = cube.snr_map()
    bright = light > 1e-3 * np.median(light[light > 0])
    if snr is not None and (bright & (snr >= ENOUGH)).any():
        bright &= snr >= ENOUGH
    x0, y0 = np.rint(cube.origin).astype(int)
    if not (0 <= x0 < cube.n_x and 0 <= y0 < cube.n_y) or light[y0, x0] < 0.05 * light.max():
        y0, x0 = np.unravel_index(int(np.argmax(light)), light.shape)    # the centre is elsewhere or dark
    radius = np.hypot(x - x0, y - y0)
    lit = np.where(bright, light, 0.0)                 # half of it is not half of the noise
    order = np.argsort(radius, axis=None)
    summed = np.cumsum(lit.ravel()[order])
    half = max(1.5, radius.ravel()[order][np.searchsorted(summed, 0.5 * summed[-1])])
    near = lit * (radius <= 3.0 * half)
    xx, yy, xy = (float((near * term).sum()) for term in ((x - x0) ** 2, (y - y0) ** 2, (x - x0) * (y - y0)))
    angle = 0.5 * np.arctan2(2.0 * xy, xx - yy)
    along = np.array([np.cos(angle), np.sin(angle)])
    # the northern half: compass and scale bar lie in the south
    along *= -1.0 if cube.cd[1] @ along < 0 else 1.0
    chosen = [(int(x0), int(y0))]
    for steps in (1.0, 2.0):
        beyond = radius[chosen[-1][1], chosen[-1][0]] + 0.3 * half
        cost = np.hypot(x - x0 - steps * half * along[0], y - y0 - steps * half * along[1])
        cost = np.where(bright & (radius > beyond), cost, np.inf)
        if np.isfinite(cost).any():
            py, px = np.unravel_index(int(np.argmin(cost)), cost.shape)
            chosen.append((int(px), int(py)))
    return chosen


# ---- a spectrum ----------------------------------------------------------------------------------
def highest(flux):
    """The upper end of a panel: what is not a single channel's noise, at most four times the continuum."""
    good = flux[np.isfinite(flux)]
    if not good.size or not good.max() > 0:
        return 1.0
    three = np.sort(np.stack([good[:-2], good[1:-1], good[2:]]), axis=0)[1] if good.size > 2 else good
    return float(max(np.percentile(good, 99.0), min(three.max(), 4.0 * max(np.percentile(good, 75.0), 0.0))))


def draw_spectrum(panel, page, cube, flux, sigma, colour, factor):
    """Flux above one zero line, and its standard deviation: a band, and a line of its own where the
    band is too narrow."""
    flux = flux * factor
    top = highest(flux)
    if sigma is not None:
        sigma = sigma * factor
        level = float(np.nanmedian(sigma))
        times = max([times for times in TIMES if times * level <= SHARE * top] or [1])
        panel.fill_between(cube.wave, flux - sigma, flux + sigma, color=colour, alpha=0.25, lw=0, rasterized=True)
        panel.plot(cube.wave, times * sigma, color="0.45", lw=0.6, rasterized=True,
                   label=r"$\sigma$" if times == 1 else r"$%d\,\sigma$" % times)
        panel.legend(loc="upper right", fontsize=page.tiny, frameon=False, borderaxespad=0.1, handlelength=1.0)
        top = max(top, 1.1 * times * level)
    panel.axhline(0.0, color="0.6", lw=0.5, zorder=0)
    panel.plot(cube.wave, flux, color=colour, lw=0.7 if page.width >= COLUMN else 0.5)
    head = 1.42 * top
    cut = np.where(np.nan_to_num(flux) > head)[0]
    for group in np.split(cut, np.flatnonzero(np.diff(cut) > 2) + 1) if cut.size else ():
        beside = flux[max(group[0] - 1, 0):group[-1] + 2]
        if np.sum(beside > 0.6 * head) > 1:           # a line, no single channel's noise, that goes on above the panel
            panel.plot(cube.wave[group].mean(), 0.95, marker="^", ms=4, color=colour, mec="none",
                       transform=panel.get_xaxis_transform())
    good = flux[np.isfinite(flux)]
    low = min(0.0, float(np.percentile(good, 1.0))) if good.size else 0.0
    panel.set_ylim(low - 0.05 * head, head)
    panel.set_xlim(cube.wave[0], cube.wave[-1])
    panel.minorticks_on()
    panel.locator_params(axis="y", nbins=4)
    panel.ticklabel_format(useOffset=False, style="plain")


def draw_marks(panel, page, cube):
    """Where the lines that everybody looks for must lie, at the galaxy's redshift."""
    z = float(cube.fact("REDSHIFT", 0.0) or 0.0)
    edge = 0.01 * (cube.wave[-1] - cube.wave[0])
    last = -1e9
    for name, rest in MARKS:
        at = rest * (1.0 + z)
        if cube.medium == "air" and at > 2000.0:
            s2 = (1e4 / at) ** 2
            at /= 1.0 + 8.34254e-5 + 2.406147e-2 / (130.0 - s2) + 1.5998e-4 / (38.9 - s2)
        if cube.wave[0] + edge < at < cube.wave[-1] - edge:
            room = at - last > (3.0 if page.width > FULL else 8.0) * edge
            panel.annotate(name if room else "", xy=(at, 1.0), xycoords=panel.get_xaxis_transform(), xytext=(0, 5),
                           textcoords="offset points", fontsize=page.tiny, color="0.35", ha="center", va="bottom",
                           arrowprops=dict(arrowstyle="-", color="0.35", lw=0.7, shrinkA=0, shrinkB=0))
            if room:
                last = at
