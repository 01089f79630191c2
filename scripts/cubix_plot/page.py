"""A figure, in inches: letters that a column of a journal can be read with, and the heading."""
import os

import matplotlib.pyplot as plt
from cubix_ssp.fault import COMMAND, Fault

STYLE = {"font.family": "DejaVu Sans", "axes.linewidth": 0.7, "xtick.direction": "in", "ytick.direction": "in",
         "xtick.top": True, "ytick.right": True, "xtick.major.width": 0.7, "ytick.major.width": 0.7,
         "xtick.minor.width": 0.5, "ytick.minor.width": 0.5, "mathtext.fontset": "dejavusans", "pdf.fonttype": 42,
         "savefig.dpi": 200, "font.size": 9.0}
INCH = {"mm": 25.4, "cm": 2.54, "in": 1.0}
COLUMN = 5.5                                          # inches: what is narrower is one column of a journal
LEFT = 5.2                                            # letters: room for the numbers and name of an axis
FULL = 9.0                                            # inches: what is wider is no page
NARROWEST, WIDEST = 2.5, 40.0


def inches(text):
    """A width such as 88mm, 18cm or 7in; a bare number is in mm."""
    number, unit = (text[:-2], text[-2:]) if text[-2:] in INCH else (text, "mm")
    try:
        width = float(number) / INCH[unit]
    except ValueError:
        raise Fault(COMMAND, "--width %s is no length such as 88mm, 18cm or 7in" % text)
    if not NARROWEST <= width <= WIDEST:
        raise Fault(COMMAND, "--width %s must be between %.0f mm and %.0f mm" % (text, NARROWEST * 25.4, WIDEST * 25.4))
    return width


class Page:
    """@param width inches, or None: what the picture likes best; title: whether there is a heading"""

    def __init__(self, width, best, title):
        self.width, self.title, self.dpi = width or best, title, 300 if width else 200
        wide = 0 if self.width < COLUMN else 1 if self.width < FULL else 2
        self.normal, self.small, self.tiny = ((7.0, 6.5, 6.0), (8.0, 7.0, 6.5), (9.0, 8.0, 7.0))[wide]
        plt.rcParams.update({"font.size": self.normal, "axes.labelsize": self.normal, "axes.titlesize": self.small,
                             "xtick.labelsize": self.small, "ytick.labelsize": self.small, "savefig.dpi": self.dpi})
        self.letter = self.normal / 72.0              # inches
        self.figure, self.height = None, None

    def begin(self, height, cube, note=()):
        """@param height inches, without the heading; note  what is shown, in a few words each"""
        self.note = [";  ".join(note)] if note and self.width >= COLUMN else list(note)
        self.demo = cube.fact("SSPDEMO", False) in (True, 1, "T", "True")
        apart = self.demo and (self.width < COLUMN or not self.title)     # on a line of its own
        lines = (1.6 + 1.5 * len(self.note) if self.title else 0.0) + (1.9 if apart else 0.0)
        self.height = height + (lines + 0.6) * self.letter
        self.figure = plt.figure(figsize=(self.width, self.height))
        self._heading(cube, apart)

    def axes(self, x, y, width, height):
        """Axes whose lower left corner lies x from the left and y from the bottom [inch]."""
        return self.figure.add_axes([x / self.width, y / self.height, width / self.width, height / self.height])

    def text(self, x, y, words, **how):
        return self.figure.text(x / self.width, y / self.height, words, **how)

    def _heading(self, cube, apart):
        """Whose cube it is, and what is shown; that a library is no real one is said in any case."""
        left, right, line = LEFT * self.letter, self.width - 0.15, self.height - 1.3 * self.letter
        narrow, top = self.width < COLUMN, line
        if self.title:
            words = [str(cube.fact(name)) for name in ("OBJECT", "INSTRUME", "SSPNAME") if cube.fact(name)]
            z = cube.fact("REDSHIFT")
            words += ["z = %.4g" % float(z)] if z is not None else []
            self.text(left, line, (" \u00b7 " if narrow else "   \u00b7   ").join(words) or os.path.basename(cube.path),
                      fontsize=self.normal * (1.0 if narrow else 1.15), ha="left", va="center")
            for words in self.note:
                line -= 1.5 * self.letter
                self.text(left, line, words, fontsize=self.small, color="0.35", ha="left", va="center")
            line -= 1.7 * self.letter
        if self.demo:
            self.text(right, line if apart else top, "DEMO LIBRARY \u2013 not for science",
                      fontsize=self.tiny if narrow else 0.95 * self.normal, weight="bold", color="white", ha="right",
                      va="center", bbox=dict(boxstyle="round,pad=0.35", facecolor="#c8321e", edgecolor="none"))
