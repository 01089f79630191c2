"""The quick look: white light with some spaxels marked, their spectra, and where there are gas and dust their maps."""
import numpy as np

from . import maps, sky
from .page import COLUMN, LEFT, Page
from .spectra import COLOURS, choose, draw_marks, draw_spectrum

LONG = 25.0                                           # letters: of a panel that has room for what its axis is
GAS = (("LINE_Ha", "SFR"), ("AV_L", "AV_M"))          # the first of each that there is


def seen(cube):
    """What lies between the stars and the voxels."""
    words = ["observed"] if str(cube.fact("PSF", "")).strip() not in ("", "none") else ["without PSF"]
    noise = str(cube.fact("NOISE", "")).strip()
    return ", ".join(words + (["without noise"] if noise == "none" else []))


def draw_white(page, cube, white, inside, shown, place):
    axes = page.axes(*place)
    axes.set_facecolor(sky.OUTSIDE)
    drawn = sky.draw_image(axes, cube, np.where(inside, white, np.nan), shown, cmap="inferno",
                           norm=sky.norm("asinh", 0.0, sky.brightest(white, inside)))
    axes.set_xlabel(sky.EAST)
    axes.set_ylabel(sky.NORTH, labelpad=1)
    axes.tick_params(which="both", color="0.75")
    sky.draw_compass(axes, "white", page.small)
    sky.draw_scale_bar(axes, cube, "white", page.small)
    axes.set_title("white light, " + seen(cube), loc="right", pad=4, fontsize=page.small, color="0.35")
    sky.colour_bar(page, place, drawn, "asinh", cube.flux_unit(cube.power), "mean")
    return axes


def mark(axes, page, cube, number, x, y, colour):
    corners = np.array([cube.sky(x + a, y + b) for a, b in ((-.5, -.5), (.5, -.5), (.5, .5), (-.5, .5), (-.5, -.5))])
    axes.plot(corners[:, 0], corners[:, 1], color="white", lw=2.6, solid_joinstyle="miter")
    axes.plot(corners[:, 0], corners[:, 1], color=colour, lw=1.4, solid_joinstyle="miter")
    axes.annotate(str(number), cube.sky(x, y), xytext=(8, 8), textcoords="offset points", color="white",
                  fontsize=page.small, weight="bold", ha="center", va="center",
                  bbox=dict(boxstyle="circle,pad=0.22", facecolor=colour, edgecolor="white", linewidth=0.6))


def draw_panels(page, cube, spaxels, axes, left, bottom, height):
    """The spectra, one above the other, with one unit."""
    n, gap = len(spaxels), 0.6 * page.letter
    spectra = [cube.spectrum(x, y) for x, y in spaxels]
    tops = [max(float(np.nanmax(np.abs(flux))) if np.isfinite(flux).any() else 0.0, 1e-300) for flux, _ in spectra]
    power = cube.power
    if min(tops) < 0.05 or max(tops) >= 1e4:
        power += int(np.floor(np.log10(np.sqrt(min(tops) * max(tops)))))
    tall = (height - gap * (n - 1)) / n
    for i, ((x, y), (flux, sigma)) in enumerate(zip(spaxels, spectra)):
        colour = COLOURS[i % len(COLOURS)]
        mark(axes, page, cube, i + 1, x, y, colour)
        panel = page.axes(left, bottom + (n - 1 - i) * (tall + gap), page.width - 0.15 - left, tall)
        draw_spectrum(panel, page, cube, flux, sigma, colour, 10.0 ** (cube.power - power))
        inch = 1.0 / (page.width - 0.15 - left), 1.0 / tall
        panel.text(page.letter * inch[0], 1.0 - 0.55 * page.letter * inch[1], "%d" % (i + 1), transform=panel.transAxes,
                   color="white", weight="bold", fontsize=page.small, ha="center", va="top",
                   bbox=dict(boxstyle="circle,pad=0.22", facecolor=colour, edgecolor="none"))
        said = ["r = %.2g\u2033" % np.hypot(*cube.sky(x, y)), "spaxel (%d, %d)" % (x, y)]
        if sigma is not None:
            said.append(r"S/N %.2g $\mathrm{\AA}^{-1/2}$" % cube.snr(flux, sigma))
        panel.text(2.3 * page.letter * inch[0], 1.0 - 0.55 * page.letter * inch[1], ",  ".join(said), color="0.25",
                   transform=panel.transAxes, fontsize=page.small, ha="left", va="top",
                   bbox=dict(facecolor="white", alpha=0.75, edgecolor="none", pad=0.5))
        if i == 0:
            draw_marks(panel, page, cube)
        panel.tick_params(labelbottom=i + 1 == n)
    panel.set_xlabel("observed wavelength [\u00c5, %s]" % cube.medium)
    unit = cube.flux_unit(power)
    page.text(left - 3.6 * page.letter, bottom + 0.5 * height,
              "surface brightness [%s]" % unit if cube.surface else
              ("flux density [%s]" if height > LONG * page.letter else "[%s]") % unit, rotation=90, ha="center",
              va="center")


def draw_look(cube, spaxels, extent=None, width=None, title=True):
    white, inside = cube.white()
    spaxels = spaxels or choose(cube, white, inside)
    shown = sky.box(cube, extent)
    page = Page(width, 11.0, title)
    shape = min(max((shown[3] - shown[2]) / (shown[1] - shown[0]), 0.5), 2.0)
    left, bottom, n = LEFT * page.letter, 4.2 * page.letter, len(spaxels)
    gas = [next((one for one in kind if cube.map(one)), None) for kind in GAS]
    gas = [maps.Panel(cube, cube.map(one)) for one in gas if one]
    for panel in gas:
        panel.title += ", observed" if panel.seen else ", before the PSF"
    strip = maps.Grid(page, ([maps.Colours(cube, inside)] + gas) if gas else [], 3 if page.width >= COLUMN else 2,
                      shown)
    if page.width < COLUMN:                           # one column: spectra below the image
        side = page.width - left - 6.0 * page.letter
        spectra = n * 9.0 * page.letter
        page.begin(strip.height + 2.0 * bottom + spectra + side * shape + 4.5 * page.letter, cube)
        place = left, strip.height + 2.0 * bottom + spectra + 2.5 * page.letter, side, side * shape
        spectra_left, low = left, strip.height + bottom
    else:
        side = 0.318 * page.width
        spectra = max(side * shape, n * 0.078 * page.width)
        page.begin(strip.height + bottom + spectra + 2.0 * page.letter, cube)
        place = left, strip.height + bottom, side, side * shape
        spectra_left, low = left + side + 11.0 * page.letter, strip.height + bottom
    axes = draw_white(page, cube, white, inside, shown, place)
    draw_panels(page, cube, spaxels, axes, spectra_left, low, spectra)
    strip.draw(cube)
    return page.figure
