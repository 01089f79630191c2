"""Section 8: truth maps."""
import numpy as np

from .paint import parts


def truth(painter, stars, kpc_per_arcsec, deposit="nearest", length=0.0):
    """Every star is taken apart into its spaxels first."""
    inst = painter.inst

    def split(how):
        share = [(np.repeat(rows, len(columns)), np.tile(columns, len(rows)), w.ravel(), np.full(w.size, k))
                 for k, (rows, columns, w) in enumerate(parts(inst, stars, kpc_per_arcsec, 0, how, length))]
        return [np.concatenate(x).astype(t) for x, t in zip(zip(*share), (int, int, float, int))]

    def total(weight):
        out = np.zeros((inst.n_y, inst.n_x))
        np.add.at(out, (iy, ix), weight)
        return out

    iy, ix, w, on = split("nearest")
    out = {"NSTAR": total(np.ones(len(on)))}
    iy, ix, w, on = split(deposit)
    each = np.array([painter.light(stars["mass"][k], stars["age"][k], stars["z"][k])
                     for k in range(len(stars["mass"]))])
    mass, light = stars["mass"][on] * w, each[on] * w
    out.update(MASS=total(mass), MASS_NOW=total(stars["mass_now"][on] * w))
    with np.errstate(invalid="ignore", divide="ignore"):
        for letter, w in (("M", mass), ("L", light)):
            norm = total(w)
            for name, x in (("AGE", stars["age"][on]), ("Z", stars["z"][on]), ("VEL", stars["vel"][on, 2])):
                out[f"{name}_{letter}"] = total(w * x) / norm
            mean = out[f"VEL_{letter}"]
            out[f"SIG_{letter}"] = np.sqrt(total(w * (stars["vel"][on, 2] - mean[iy, ix])**2) / norm)
    return out
