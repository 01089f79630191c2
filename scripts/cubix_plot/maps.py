"""Truth maps: all of them, or some by name; each with what it shows, its unit and its stretch."""
import difflib

import matplotlib
import numpy as np
from cubix_ssp.fault import COMMAND, INPUT, Fault

from . import sky
from .page import COLUMN, FULL, LEFT, Page

LOOK = {  # name: (title, stretch, colour map)
    "MASS": ("mass formed", "log", "inferno"), "MASS_NOW": ("present mass", "log", "inferno"),
    "NSTAR": ("star particles", "log", "cividis"), "LIGHT": ("light in the band", "log", "inferno"),
    "AGE_M": ("age, by mass", "linear", "plasma"), "AGE_L": ("age, by light", "linear", "plasma"),
    "Z_M": ("metallicity, by mass", "linear", "viridis"), "Z_L": ("metallicity, by light", "linear", "viridis"),
    "VEL_M": ("velocity, by mass", "zero", "RdBu_r"), "VEL_L": ("velocity, by light", "zero", "RdBu_r"),
    "SIG_M": ("dispersion, by mass", "linear", "magma"), "SIG_L": ("dispersion, by light", "linear", "magma"),
    "V_GH": ("velocity, Gauss-Hermite", "zero", "RdBu_r"), "SIG_GH": ("dispersion, Gauss-Hermite", "linear", "magma"),
    "H3_L": (r"$h_3$, by light", "zero", "PuOr"), "H4_L": (r"$h_4$, by light", "zero", "PuOr"),
    "SFR": ("star formation rate", "log", "inferno"), "VEL_GAS": ("velocity of the gas", "zero", "RdBu_r"),
    "SIG_GAS": ("dispersion of the gas", "linear", "magma"), "LINE_Ha": (r"H$\alpha$", "log", "inferno"),
    "AV_L": (r"$A_V$, by light", "linear", "bone_r"), "AV_M": (r"$A_V$, by mass", "linear", "bone_r"),
}
PAIRS = (("MASS", "NSTAR"), ("AGE_M", "AGE_L"), ("Z_M", "Z_L"), ("VEL_M", "VEL_L"), ("SIG_M", "SIG_L"))
SEEN_PAIRS = (("MASS", "LIGHT"),) + PAIRS[1:]         # the number of stars has no PSF
PURE = {"NSTAR": "number", "Z_M": "mass fraction", "Z_L": "mass fraction"}
OF_STARS = tuple(name for pair in PAIRS[1:] for name in pair) + ("V_GH", "SIG_GH", "H3_L", "H4_L")   # means of them
TALLEST = 2.0                                         # of a map, over its width


class Panel:
    """A map of the cube, ready to be drawn.  @param other  a map that shares its bar, or None"""

    def __init__(self, cube, name, min_stars=1, other=None, stretch=None, cmap=None, ends=None):
        self.name = name
        ending = "_OBS" if name.upper().endswith("_OBS") else ""
        base = name[:len(name) - len(ending)]
        title, kind, colours = LOOK.get(base, (base, "log" if base.startswith("LINE_") else "linear", "viridis"))
        self.title, self.seen = title, bool(ending)
        self.stretch, self.cmap = stretch or ("linear" if kind == "zero" else kind), cmap or colours
        self.unit = cube.unit(name) or PURE.get(base, "")
        values = [self._masked(cube, one, base, ending, min_stars) for one in (name, other) if one]
        weights = [self._weights(cube, one, ending, value) for one, value in zip((name, other), values)]
        self.values = np.where(values[0] > 0, values[0], np.nan) if self.stretch == "log" else values[0]
        self.low, self.high = ends or sky.limits(np.concatenate([one.ravel() for one in values]),
                                                 np.concatenate([one.ravel() for one in weights]), self.stretch,
                                                 kind == "zero")
        if ends is None and (base.startswith("AV_") or self.stretch == "asinh"):
            self.low = min(self.low, 0.0)
        if self.stretch == "log" and not self.low > 0:
            raise Fault(COMMAND, "--range %g,%g: a logarithmic bar of %s begins above 0" % (self.low, self.high, name))

    @staticmethod
    def _masked(cube, name, base, ending, min_stars):
        values, stars = cube.values(name), cube.stars(ending)
        few = base in OF_STARS and stars is not None
        return np.where(np.nan_to_num(stars) >= min_stars, values, np.nan) if few else values

    @staticmethod
    def _weights(cube, name, ending, values):
        """A mean counts as much as what it is the mean of."""
        base = name[:len(name) - len(ending)]
        what = "MASS" if base.endswith("_M") else "LIGHT" if base.endswith(("_L", "_GH")) else None
        weights = next((cube.plane(one) for one in ((what + ending, "NSTAR") if what else ()) if cube.plane(one)), None)
        weights = np.nan_to_num(np.maximum(cube.values(weights), 0.0)) if weights else np.ones(values.shape)
        return weights / (weights.sum() or 1.0)

    def draw(self, page, cube, axes, place, shown):
        axes.set_facecolor("#e8e8e8" if self.name.upper().rpartition("_OBS")[0] not in ("LINE_HA", "SFR") else "black")
        drawn = sky.draw_image(axes, cube, self.values, shown, cmap=self.cmap,
                               norm=sky.norm(self.stretch, self.low, self.high))
        sky.colour_bar(page, place, drawn, self.stretch, self.unit)


class Colours:
    """An image in red, green and blue."""

    def __init__(self, cube, inside):
        self.title, self.seen = "three bands, asinh", True
        self.image = sky.colour_image(cube.bands(), inside)

    def draw(self, page, cube, axes, place, shown):
        axes.set_facecolor(sky.OUTSIDE)
        sky.draw_image(axes, cube, self.image, shown)


class Grid:
    """Panels of one size in rows, from the bottom of the page on.  @param panels may hold None"""

    def __init__(self, page, panels, columns, shown):
        self.page, self.panels, self.columns, self.shown = page, panels, columns, shown
        letter = page.letter
        self.left, self.bottom = LEFT * letter, 4.2 * letter
        self.pitch = (page.width - self.left - 0.05) / columns
        self.side = self.pitch - 6.6 * letter
        self.tall = self.side * min(max((shown[3] - shown[2]) / (shown[1] - shown[0]), 0.4), TALLEST)
        self.rows = -(-len(panels) // columns)
        self.height = self.bottom + self.rows * (self.tall + 2.6 * letter) if panels else 0.0

    def draw(self, cube):
        for i, panel in enumerate(self.panels):
            if panel is None:
                continue
            row, column = divmod(i, self.columns)
            place = (self.left + column * self.pitch,
                     self.bottom + (self.rows - 1 - row) * (self.tall + 2.6 * self.page.letter), self.side, self.tall)
            axes = self.page.axes(*place)
            panel.draw(self.page, cube, axes, place, self.shown)
            axes.set_title(panel.title, pad=3, fontsize=self.page.small, loc="left")
            below = i + self.columns
            last = below >= len(self.panels) or self.panels[below] is None
            axes.tick_params(labelbottom=last, labelleft=column == 0)
            if last:
                axes.set_xlabel(sky.EAST, fontsize=self.page.small)
            if column == 0:
                axes.set_ylabel(sky.NORTH, fontsize=self.page.small, labelpad=1)


def note(panels, min_stars):
    """Before the PSF or through it, and which spaxels are shown."""
    seen = [panel.seen for panel in panels if panel]
    few = any(panel and panel.name.upper().replace("_OBS", "") in OF_STARS for panel in panels)
    where = ("observed: through the PSF" if all(seen) else "before the PSF" if not any(seen) else
             "before the PSF, but for " + ", ".join(panel.name for panel in panels if panel and panel.seen))
    return [where] + (["means where there are %d stars or more" % min_stars] if few and min_stars > 1 else [])


def fewest(cube, ending, wanted):
    """How many stars a mean needs; 1 where that would leave nothing."""
    stars = cube.stars(ending)
    return wanted if stars is not None and (np.nan_to_num(stars) >= wanted).any() else 1


def draw_maps(cube, seen, extent=None, width=None, title=True, min_stars=1):
    ending = "_OBS" if seen else ""
    there = [[cube.plane(name + ending) for name in pair] for pair in (SEEN_PAIRS if seen else PAIRS)]
    if not any(any(pair) for pair in there):
        raise Fault(INPUT, "%s has no truth maps%s: run cubix with TruthMaps yes"
                    % (cube.path, " through the PSF" if seen else ""))
    min_stars = fewest(cube, ending, min_stars)
    pairs = [[Panel(cube, name, min_stars, pair[1 - i] if k else None) if name else None for i, name in enumerate(pair)]
             for k, pair in enumerate(there)]                            # by mass and by light share a bar
    page = Page(width, 13.4, title)
    shown = sky.box(cube, extent)
    if page.width >= FULL:
        panels, columns = [pair[0] for pair in pairs] + [pair[1] for pair in pairs], len(pairs)
    else:
        panels, columns = [one for pair in pairs for one in pair], 2 if page.width < COLUMN else 4
    grid = Grid(page, panels, columns, shown)
    page.begin(grid.height, cube, note(panels, min_stars))
    grid.draw(cube)
    return page.figure


def draw_named(cube, names, extent=None, width=None, title=True, min_stars=1, stretch=None, cmap=None, ends=None):
    """Maps by their names in the file."""
    for name in names:
        if not cube.plane(name):
            near = difflib.get_close_matches(name.upper(), [one.upper() for one in cube.planes()], 3)
            raise Fault(COMMAND, "--map %s: %s has no such map%s; it has %s"
                        % (name, cube.path, " (%s?)" % " or ".join(near) if near else "",
                           ", ".join(cube.planes()) or "none at all"))
    if cmap is not None and cmap not in matplotlib.colormaps:
        near = difflib.get_close_matches(cmap, list(matplotlib.colormaps), 3)
        raise Fault(COMMAND, "--cmap %s: matplotlib has no such colour map%s" % (cmap, " (%s?)" % " or ".join(near)
                                                                               if near else ""))
    names = [cube.plane(name) for name in names]
    min_stars = min(fewest(cube, "_OBS" if name.upper().endswith("_OBS") else "", min_stars) for name in names)
    panels = [Panel(cube, name, min_stars, None, stretch, cmap, ends) for name in names]
    page = Page(width, min(3.6 * len(names), 11.0), title)
    columns = min(len(names), 3 if page.width >= COLUMN else 2 if len(names) > 1 else 1)
    grid = Grid(page, panels, columns, sky.box(cube, extent))
    page.begin(grid.height, cube, note(panels, min_stars))
    grid.draw(cube)
    return page.figure
