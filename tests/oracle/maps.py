"""Section 8: truth maps."""
import numpy as np

from .paint import sky_to_spaxel


def truth(painter, stars, kpc_per_arcsec):
    inst = painter.inst
    ix, iy = sky_to_spaxel(inst, stars["pos"][:, 0] / kpc_per_arcsec, stars["pos"][:, 1] / kpc_per_arcsec)
    on = np.flatnonzero((ix >= 0) & (ix < inst.n_x) & (iy >= 0) & (iy < inst.n_y))

    def total(weight):
        out = np.zeros((inst.n_y, inst.n_x))
        np.add.at(out, (iy[on], ix[on]), weight)
        return out

    mass = stars["mass"][on]
    light = np.array([painter.light(stars["mass"][k], stars["age"][k], stars["z"][k]) for k in on])
    out = {"MASS": total(mass), "MASS_NOW": total(stars["mass_now"][on]), "NSTAR": total(np.ones(len(on)))}
    with np.errstate(invalid="ignore", divide="ignore"):
        for letter, w in (("M", mass), ("L", light)):
            norm = total(w)
            for name, x in (("AGE", stars["age"][on]), ("Z", stars["z"][on]), ("VEL", stars["vel"][on, 2])):
                out[f"{name}_{letter}"] = total(w * x) / norm
            mean = out[f"VEL_{letter}"]
            out[f"SIG_{letter}"] = np.sqrt(total(w * (stars["vel"][on, 2] - mean[iy[on], ix[on]])**2) / norm)
    return out
