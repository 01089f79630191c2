"""The simulation's universe: what its files state, against what package and user say; and how old it is."""
import numpy as np

from cubix_ssp.fault import COMMAND, INPUT, Fault

HUBBLE_GYR = 977.7922216807891          # Gyr km/s/Mpc
ROUNDING = 1e-9                         # of a scale factor of 1
TOLERANCE = 1e-3                        # packages differ in G and in the parsec
WORDS = (("a", "scale factor", "--redshift"), ("omega_m", "Omega_matter", "--omega-matter"),
         ("omega_l", "Omega_Lambda", "--omega-lambda"), ("h", "h", "--hubble"))


class Universe:
    def __init__(self, a=1.0, omega_m=0.0, omega_l=0.0, h=0.0):
        self.a, self.omega_m, self.omega_l, self.h = a, omega_m, omega_l, h
        self.cosmological = omega_m > 0 and h > 0
        self.redshift = 1 / a - 1 if abs(a - 1) > ROUNDING else 0.0

    def time(self, a):
        """Age of the universe [Gyr] at scale factors a: in y = a^1.5 what is integrated is smooth."""
        y = np.linspace(0, max(1.0, float(np.max(a, initial=0.0))) ** 0.75, 20001) ** 2
        left, right = y[:-1], y[1:]
        node = np.sqrt(1 / 3)
        steps = np.zeros_like(left)
        for s in (-node, node):
            at = 0.5 * (left + right) + 0.5 * s * (right - left)
            steps += 0.5 * (right - left) / np.sqrt(self.omega_m + (1 - self.omega_m - self.omega_l) * at ** (2 / 3)
                                                    + self.omega_l * at ** 2)
        total = np.concatenate(([0.0], np.cumsum(steps))) * 2 / 3 * HUBBLE_GYR / (100 * self.h)
        return np.interp(np.maximum(a, 0.0) ** 1.5, y, total)


def settle(path, stated, galaxy, given):
    """The universe that holds.  given: {a, omega_m, omega_l, h} of the user, those that were given."""
    for key, word, _ in WORDS:
        said = galaxy.universe.get(key)
        if key in stated.universe and said is not None and not _same(said, stated.universe[key]):
            raise Fault(INPUT, "%s: %s says that the %s is %g, the file itself states %g: it does not understand it" %
                        (path, galaxy.reader, word, said, stated.universe[key]))
    if stated.cosmological is False and not given:
        galaxy.notes.append("the run is not cosmological: redshift 0 and no universe")
        return Universe()
    values = {}
    for key, word, option in WORDS:
        if key in stated.universe:
            values[key] = stated.universe[key]
            if key in given and not _same(given[key], values[key]):
                raise Fault(COMMAND, "%s: %s gives a %s of %g, but the file states %g" %
                            (path, option, word, given[key], values[key]))
        elif key in given:
            values[key] = given[key]
    missing = [(word, option) for key, word, option in WORDS if key not in values]
    if missing and not (stated.cosmological is False and set(values) == {"a"}):
        raise Fault(INPUT, "%s states no %s%s; give %s" % (
            path, ", ".join(word for word, _ in missing),
            "" if stated.kind else " (its header is of no kind that is known here; packages may make them up)",
            " ".join(option for _, option in missing)))
    for key in values:
        if key not in stated.universe and key in galaxy.universe and not _same(galaxy.universe[key], values[key]):
            raise Fault(INPUT, "%s: %s has taken %s = %g, the one given is %g" %
                        (path, galaxy.reader, key, galaxy.universe[key], values[key]))
    return Universe(**values)


def _same(x, y):
    return abs(x - y) <= TOLERANCE * max(abs(y), 1e-3)
