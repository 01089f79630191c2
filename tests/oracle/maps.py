"""Section 8: truth maps, as they are and as they are seen."""
import numpy as np

from . import psf
from .paint import parts


def see(inst, image):
    """An image of the painted spaxels through the PSF in the middle of the band, product by product."""
    if inst.psf == "none":
        return image
    r, lam = psf.margin(inst), inst.centres()
    if inst.psf == "file":
        kernel = inst.psf_kernel / inst.psf_kernel.sum()
        kernel = np.pad(kernel, [(r - n // 2, r - n // 2) for n in kernel.shape])
    else:
        kernel = psf.kernel(inst, 0.5 * (lam[0] + lam[-1]), r, psf.cut(inst))
    out = np.zeros(np.array(image.shape) + 2 * r)
    for j, i in zip(*np.nonzero(image)):
        out[j:j + 2 * r + 1, i:i + 2 * r + 1] += image[j, i] * kernel
    return out[2 * r:-2 * r, 2 * r:-2 * r] if r else out


def crop(image, margin):
    return image[margin:-margin, margin:-margin] if margin else image


def truth(painter, stars, kpc_per_arcsec, deposit="nearest", length=0.0):
    """Every star is taken apart into its spaxels first."""
    inst, margin = painter.inst, psf.margin(painter.inst)
    names = ["AGE", "Z", "VEL"]
    values = [stars["age"], stars["z"], stars["vel"][:, 2]]

    def split(how):
        share = [(np.repeat(rows, len(columns)), np.tile(columns, len(rows)), w.ravel(), np.full(w.size, k))
                 for k, (rows, columns, w) in enumerate(parts(inst, stars, kpc_per_arcsec, margin, how, length))]
        return [np.concatenate(x).astype(t) for x, t in zip(zip(*share), (int, int, float, int))]

    def total(weight):
        out = np.zeros((inst.n_y + 2 * margin, inst.n_x + 2 * margin))
        np.add.at(out, (iy, ix), weight)
        return out

    iy, ix, w, on = split("nearest")
    out = {"NSTAR": crop(total(np.ones(len(on))), margin)}
    iy, ix, w, on = split(deposit)
    each = painter.scale * np.array([painter.light(stars["mass"][k], stars["age"][k], stars["z"][k])
                                     for k in range(len(stars["mass"]))])
    mass, light, now = stars["mass"][on] * w, each[on] * w, stars["mass_now"][on] * w
    for ending, look in (("", lambda image: crop(image, margin)), ("_OBS", lambda image: see(inst, image))):
        out.update({"MASS" + ending: look(total(mass)), "MASS_NOW" + ending: look(total(now)),
                    "LIGHT" + ending: look(total(light))})
        with np.errstate(invalid="ignore", divide="ignore"):
            for letter, w in (("M", mass), ("L", light)):
                norm = look(total(w))
                norm[norm == 0] = np.nan
                for name, x in zip(names, values):
                    out[f"{name}_{letter}{ending}"] = look(total(w * x[on])) / norm
                # about velocities near the mean, where squares cancel least
                v = stars["vel"][on, 2]
                near = out[f"VEL_{letter}"]
                if ending:
                    near = np.full_like(near, np.average(v, weights=w)) if len(v) else near
                    off = v - near[0, 0]
                    first, second = look(total(w * off)) / norm, look(total(w * off**2)) / norm
                    out[f"SIG_{letter}{ending}"] = np.sqrt(np.maximum(second - first**2, 0))
                else:
                    near = np.pad(near, margin, constant_values=0.0)
                    out[f"SIG_{letter}{ending}"] = np.sqrt(look(total(w * (v - near[iy, ix])**2)) / norm)
    return out
