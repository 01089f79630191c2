"""The stars and the gas within a radius of a centre."""
import numpy as np

from cubix_ssp.fault import COMMAND, Fault

from .judge import keep

SHRINK = 0.7        # of the radius at each step
FEWEST = 10         # stars that still make a centre


def offsets(positions, centre, box):
    """From the centre to each, the shorter way round a periodic box."""
    apart = np.asarray(positions, float) - centre
    return apart - box * np.rint(apart / box) if box > 0 else apart


def densest(positions, mass, box):
    """Shrinking spheres: the centre of mass within ever smaller ones, about the last centre."""
    centre = np.array(positions[np.argmax(mass)], float)
    apart = offsets(positions, centre, box)
    centre = centre + np.median(apart, axis=0)
    radius = np.linalg.norm(offsets(positions, centre, box), axis=1).max()
    while True:
        apart = offsets(positions, centre, box)
        inside = np.einsum("ij,ij->i", apart, apart) <= radius ** 2
        if inside.sum() < FEWEST:
            return centre
        centre = centre + np.average(apart[inside], axis=0, weights=mass[inside])
        radius *= SHRINK
        if radius == 0:
            return centre


def select(path, galaxy, centre, radius):
    """centre: "auto" or three numbers.  Returns the centre; what is kept lies on its side of the box."""
    stars, gas = galaxy.stars, galaxy.gas
    if isinstance(centre, str):
        centre = densest(stars["Position"], stars["Mass"], galaxy.box)
        galaxy.notes.append("the stars' centre is found at %.6g, %.6g, %.6g kpc" % tuple(centre))
    if radius:
        near = np.linalg.norm(offsets(stars["Position"], centre, galaxy.box), axis=1) <= radius
        if not near.any():
            apart = np.linalg.norm(offsets(stars["Position"], centre, galaxy.box), axis=1).min()
            raise Fault(COMMAND, "%s: no star within %g kpc of %g, %g, %g kpc (--centre); the nearest is %.4g kpc off" %
                        ((path, radius) + tuple(centre) + (apart,)))
        keep(galaxy, near)
        stars = galaxy.stars
        stars["Position"] = centre + offsets(stars["Position"], centre, galaxy.box)
        if gas:
            apart = offsets(gas["Position"], centre, galaxy.box)
            near = np.linalg.norm(apart, axis=1) <= radius
            gas["Position"] = centre + apart
            galaxy.gas = {name: values[near] for name, values in gas.items()}
    return centre
