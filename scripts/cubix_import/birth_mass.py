"""The mass with which a star was born, and what says it: never assumed in silence, since the light follows from it."""
import numpy as np

from cubix_ssp import canonical
from cubix_ssp.fault import INPUT, Fault


def settle(path, galaxy, source, library_path):
    """source: None, "current", "library"."""
    _find(path, galaxy, source, library_path)
    formed, mass = galaxy.stars["InitialMass"], galaxy.stars["Mass"]
    if (formed == 0).any():
        galaxy.notes.append("warning: %d stars have a mass at birth of 0: that of today is taken" % (formed == 0).sum())
        formed = galaxy.stars["InitialMass"] = np.where(formed == 0, mass, formed)
    if (formed == 0).any():
        raise Fault(INPUT, "%s: star %d has no mass, neither at birth nor today" % (path, (formed == 0).argmax()))


def _find(path, galaxy, source, library_path):
    stars, notes = galaxy.stars, galaxy.from_raw
    if source is None:
        if "InitialMass" not in stars:
            raise Fault(INPUT, "%s: nothing says with which mass the stars were born: --initial-mass current takes "
                               "today's (codes whose stars lose none), --initial-mass library SSP.hdf5 adds what they "
                               "have lost since" % path)
        return
    if source == "current":
        stars["InitialMass"], notes["InitialMass"] = stars["Mass"].copy(), "that of today (--initial-mass current)"
        return
    library = canonical.read(library_path)
    if library["SurvivingMass"] is None:
        raise Fault(INPUT, "%s has no /SurvivingMass: it does not say what stars lose; take another library, or "
                           "--initial-mass current" % library_path)
    left = surviving(library, stars["Age"], stars["Metallicity"])
    if not left.min(initial=1.0) > 0:
        raise Fault(INPUT, "%s: /SurvivingMass is 0 for stars that are there" % library_path)
    stars["InitialMass"] = stars["Mass"] / left
    notes["InitialMass"] = "that of today divided by the surviving fraction of %s" % library.texts["Name"]


def surviving(library, age, z):
    """Fraction of the mass that is left: linear in log age and log Z, the nearest of the table outside it."""
    ages, metals = (np.log(np.maximum(library[name].astype(float), canonical.ZERO[name]))
                    for name in ("Age", "Metallicity"))
    i, s = _between(ages, np.log(np.maximum(age, canonical.ZERO["Age"])))
    j, t = _between(metals, np.log(np.maximum(z, canonical.ZERO["Metallicity"])))
    table = library["SurvivingMass"].astype(float)
    i1, j1 = np.minimum(i + 1, ages.size - 1), np.minimum(j + 1, metals.size - 1)
    return ((1 - t) * ((1 - s) * table[j, i] + s * table[j, i1]) + t * ((1 - s) * table[j1, i] + s * table[j1, i1]))


def _between(nodes, x):
    """The interval of each x, and where in it; 0 <= where <= 1."""
    if nodes.size == 1:
        return np.zeros(np.shape(x), int), np.zeros(np.shape(x))
    i = np.clip(np.searchsorted(nodes, x) - 1, 0, nodes.size - 2)
    return i, np.clip((x - nodes[i]) / (nodes[i + 1] - nodes[i]), 0.0, 1.0)
