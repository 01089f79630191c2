"""What the user states of a library whose files do not state it, and how it is said what was taken for
granted."""
import numpy as np

from .fault import COMMAND, INPUT, Fault, reading

# option of cubix-ssp convert -> what it is
OPTIONS = {"imf": "--imf", "medium": "--medium", "fwhm": "--fwhm", "z_sun": "--z-sun",
           "accept_normalised": "--accept-normalised"}


class Asked:
    """Options of `cubix-ssp convert`, None where not given; `say` prints a line for the user."""

    def __init__(self, say, imf=None, medium=None, fwhm=None, z_sun=None, accept_normalised=False):
        self.say, self._imf, self._medium, self._fwhm = say, imf, medium, fwhm
        self._z_sun, self.accept_normalised = z_sun, accept_normalised

    def refuse_but(self, name, *known):
        """Options that this kind of library has no use for are errors: they would be ignored."""
        given = {"imf": self._imf, "medium": self._medium, "fwhm": self._fwhm, "z_sun": self._z_sun,
                 "accept_normalised": self.accept_normalised or None}
        for option, value in given.items():
            if value is not None and option not in known:
                raise Fault(COMMAND,
                            "%s has no meaning for %s, whose files or authors state it" % (OPTIONS[option], name))

    def imf(self, known=None, why=""):
        return self._choose("IMF", self._imf, known, why, "--imf 'Kroupa 2001, 0.1-100 Msun' (or what it is)")

    def medium(self, known=None, why=""):
        return self._choose("medium of the wavelengths", self._medium, known, why, "--medium air or --medium vacuum")

    def z_sun(self, known=None, why=""):
        return float(self._choose("metal mass fraction for [M/H] = 0", self._z_sun, known, why,
                                  "--z-sun 0.02 (or what it is)"))

    def fwhm(self, wavelength, known=None, why=""):
        """[n_lambda] AA.  known: number or array.  The user gives a number of AA, or a text file with two columns."""
        if self._fwhm is None:
            value = self._choose("resolution", None, known, why,
                                 "--fwhm with a number of AA, or a file: wavelength, FWHM")
            return np.broadcast_to(np.asarray(value, float), wavelength.shape).copy()
        try:
            return np.full(wavelength.shape, _positive(float(self._fwhm)))
        except ValueError:
            pass
        with reading(self._fwhm, "cannot be read as columns wavelength, FWHM [AA]"):
            table = np.loadtxt(self._fwhm, comments="#", ndmin=2)
            at, width = table[:, 0], table[:, 1]
        if np.any(np.diff(at) <= 0) or not np.all(width > 0):
            raise Fault(INPUT, "%s: wavelengths must increase and widths be above 0" % self._fwhm)
        return np.interp(wavelength, at, width)

    def _choose(self, what, given, known, why, remedy):
        if given is not None:
            return given
        if known is None:
            raise Fault(COMMAND, "the files do not state the %s: give %s" % (what, remedy))
        if why:
            self.say("the files do not state the %s: %s is assumed (%s); otherwise give %s"
                     % (what, "a table" if np.ndim(known) else known, why, remedy))
        return known


def _positive(value):
    if not value > 0:
        raise Fault(COMMAND, "--fwhm %g must be above 0" % value)
    return value
