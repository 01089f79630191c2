"""A table beside atomic physics, and how well its own grid knows it."""
import numpy as np

VISIBLE, OLDEST = 1e-6, 0.0101     # of Hb: above what was put where there was nothing; Gyr: when stars ionise
BAND = (3600.0, 9600.0)            # AA
# lines of one upper level: their ratio is fixed (photon energies and transition probabilities)
FIXED = (("OIII5008", "OIII4960", 2.85, 3.05), ("NII6585", "NII6550", 2.9, 3.1), ("OI6302", "OI6366", 3.0, 3.25),
         ("SIII9533", "SIII9071", 2.4, 2.6), ("NeIII3870", "NeIII3969", 3.2, 3.4))


def ratios(table):
    """Lines that a human reads."""
    said = []
    if "Ha" in table.names and "Hb" in table.names:
        decrement = table.ratio("Ha")
        light = table["Luminosity"][..., table.names.index("Ha")]
        said.append("Ha per photon %.3g to %.3g erg (case B: 1.37e-12), Ha/Hb %.3f to %.3f (case B: 2.86)"
                    % (light.min(), light.max(), decrement.min(), decrement.max()))
    for one, other, low, high in FIXED:
        if one in table.names and other in table.names:
            values = table.ratio(one, other)
            values = values[table.ratio(other) > VISIBLE]
            bad = (values.min() < low) | (values.max() > high)
            said.append("%s%s/%s %.3f to %.3f%s" % ("WARNING " if bad else "", one, other, values.min(), values.max(),
                                                    ", must be %g to %g" % (low, high) if bad else ""))
    return said


def coarseness(table):
    """What log-linear interpolation loses where every other log U is left out: a quarter of it is what the grid
    itself leaves open."""
    u = table["LogU"]
    if u.size < 3 or "Hb" not in table.names:
        return None
    light = table["Luminosity"][:, :u.size - (1 - u.size % 2), table["Age"] <= OLDEST]
    strong = (light / light[..., table.names.index("Hb")][..., None]).max(axis=(0, 1, 2)) > 0.01
    strong &= (table["Wavelength"] > BAND[0]) & (table["Wavelength"] < BAND[1])
    log = np.log(light[..., strong])
    off = np.abs(np.exp(0.5 * (log[:, :-2:2] + log[:, 2::2]) - log[:, 1::2]) - 1)
    return ("its grid is coarse: without every other log U, optical lines above 0.01 Hb are missed by %.1f %% (median), %.0f %% "
            "(worst)" % (100 * np.median(off), 100 * off.max()))
