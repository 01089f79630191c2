"""The chain from a canonical particle file to cube, maps and DQ."""
from types import SimpleNamespace

import h5py
import numpy as np

from . import column, cosmology, dust, frame, gas as gas_dust, maps, paint, psf
from .constants import C
from .ssp import Library


def read_particles(path):
    with h5py.File(path) as f:
        s, head = f["Stars"], dict(f["Header"].attrs)
        stars = {"pos": s["Position"][:].astype(float), "vel": s["Velocity"][:].astype(float),
                 "mass": s["InitialMass"][:].astype(float),
                 "mass_now": s["Mass"][:].astype(float), "age": s["Age"][:].astype(float),
                 "z": s["Metallicity"][:].astype(float)}
        if "SmoothingLength" in s:
            stars["length"] = s["SmoothingLength"][:].astype(float)
    return stars, head


def to_sky(stars, head, centre="auto", select=0.0, velocity="auto", centre_radius=10.0, orientation="none",
           angles=(0, 0, 0),
           inclination=0.0, position_angle=0.0, align_with="inertia", align_radius=0.0):
    """Stars in the sky frame (x east, y north, z away), and the frame."""
    stars = dict(stars)
    box = float(np.ravel(head.get("BoxSize", 0.0))[0])
    reference = stars["pos"][0]

    def unwrap(x):
        return x - box * np.round((x - reference) / box) if box > 0 else x

    stars["pos"] = unwrap(stars["pos"])
    if isinstance(centre, str):
        if centre == "auto" and "Centre" in head:
            centre = unwrap(np.asarray(head["Centre"], float))
        elif centre == "median":
            centre = np.median(stars["pos"], axis=0)
        else:
            centre = frame.shrinking_sphere(stars["pos"], stars["mass_now"])
    centre = np.asarray(centre, float)
    if select > 0:
        keep = np.sqrt(((stars["pos"] - centre)**2).sum(axis=1)) <= select
        stars = {name: x[keep] for name, x in stars.items()}
    if isinstance(velocity, str):
        velocity = np.zeros(3) if velocity == "none" else frame.systemic_velocity(stars["pos"], stars["vel"], centre,
                                                                                  centre_radius)
    pos, vel = stars["pos"] - centre, stars["vel"] - velocity
    rotation, radius, p, q = np.eye(3), 0.0, 1.0, 1.0
    if orientation == "angles":
        rotation = frame.rotation_angles(*angles)
    elif orientation != "none":
        axes, radius, p, q = frame.body_axes(pos, vel, stars["mass_now"], align_with, align_radius)
        inclination = {"faceon": 0.0, "edgeon": 90.0}.get(orientation, inclination)
        rotation = frame.rotation_inclined(axes, inclination, position_angle)
    stars["pos"], stars["vel"] = pos @ rotation.T, vel @ rotation.T
    return stars, SimpleNamespace(centre=centre, velocity=np.asarray(velocity), rotation=rotation, radius=radius, p=p,
                                  q=q)


def quality(lib, inst, z, v_max, nstar=None, min_stars=0):
    """DQ [n_lambda][n_y][n_x]."""
    lam, edge = inst.centres(), inst.edges()
    stretch = np.exp(v_max / C)
    bad = (edge[:-1] / (1 + z) / stretch < lib.lam[0]) | (edge[1:] / (1 + z) * stretch > lib.lam[-1])
    dq = np.where(bad, 2, 0)
    dq = np.broadcast_to(dq[:, None, None], (len(lam), inst.n_y, inst.n_x)).copy()
    dq[:, ~inst.inside()] |= 1
    dq[~inst.open()] |= 16
    if nstar is not None and min_stars > 0:
        dq[:, nstar < min_stars] |= 8
    return dq


def observe(particle_file, ssp_file, inst, redshift, semantic="spline", interpolation="linear", unit=1e-20, cosmo=None,
            distance=0.0, min_stars=0, deposit="nearest",
            length=0.0, screen=None, birth=None, gas=None, law=("G23", 3.1), **geometry):
    """Everything the program makes without noise.  screen: (law, A(V), R_V or slope); birth: (tau, age in Myr, slope);
    gas: columns of the file's dusty gas, whose dust in front of each star follows `law`."""
    stars, head = read_particles(particle_file)
    lib = Library.read(ssp_file)
    if birth:
        lib.luminosity = lib.luminosity * dust.birth_cloud(lib.lam, lib.age, *birth)
    stars, fr = to_sky(stars, head, **geometry)
    om, ol, h = cosmo or (float(np.ravel(head[k])[0]) for k in ("OmegaMatter", "OmegaLambda", "HubbleParam"))
    d_l, scale = cosmology.scene(redshift, om, ol, h, distance)
    left = dust.screen(screen[0], inst.edges(), redshift, *screen[1:]) if screen else 1.0
    painter = paint.Painter(lib, inst, redshift, d_l, semantic, interpolation, unit, left)
    if gas:
        weight = gas_dust.weight(0.3 * gas["Metallicity"] * gas["Mass"])
        stars["screen"] = column.screen(stars["pos"], (gas["Position"] - fr.centre) @ fr.rotation.T,
                                        gas["SmoothingLength"], weight)
        painter.k = dust.of_channels(law[0], inst.edges(), redshift, *law[1:])
    painted, v_max = paint.paint(painter, stars, scale, psf.margin(inst), deposit, length)
    truth = maps.truth(painter, stars, scale, deposit, length)
    return SimpleNamespace(cube=psf.apply(inst, painted), painted=painted, maps=truth,
                           dq=quality(lib, inst, redshift, v_max, truth["NSTAR"], min_stars),
                           frame=fr, stars=stars, painter=painter, d_l=d_l, kpc_per_arcsec=scale, v_max=v_max)
