"""Snapshots as the simulations' codes write them, made from stars in physical units: one entry of CODES for each, from
the codes' own documents; and what an SSP library says of the masses at birth that a code does not write.

A dataset is written as its code would: value / (unit a^p h^q).  Nothing here is known to the C."""
import h5py
import numpy as np

from harness import COSMO, formation_scale_factor, galaxy
from oracle import cosmology

KPC, MSUN, GYR = 3.0856775814913673e21, 1.98840987e33, 3.15576e16
KPC_KMS_GYR = 0.97779222168      # 1 kpc/(km/s)
A_H = ("a_scaling", "h_scaling", "to_cgs")
EAGLE = ("aexp-scale-exponent", "h-scale-exponent", "CGSConversionFactor")
SWIFT = ("a-scale exponent", "h-scale exponent", "Conversion factor to CGS (not including cosmological corrections)")
WHOLE = "Conversion factor to physical CGS (including cosmological corrections)"

# dataset: what of a star, its unit in kpc, km/s, Msun, Gyr, powers of a and h, the unit in cgs
GADGET = {"Coordinates": ("pos", 1, 1, -1, KPC), "Velocities": ("vel", 1, 0.5, 0, 1e5),
          "Masses": ("mass_now", 1e10, 0, -1, 1e10 * MSUN), "StellarFormationTime": ("a_form", 1, 0, 0, 1),
          "Metallicity": ("z", 1, 0, 0, 1)}


def in_units(table, length=1.0, h=True, a_velocity=0.5, **names):
    """The same in other units of length, without h, or with other names."""
    out = {}
    for name, (key, unit, p, q, cgs) in table.items():
        unit, cgs = (unit * length, cgs * length) if key == "pos" else (unit, cgs)
        out[names.get(key, name)] = (key, unit, a_velocity if key == "vel" else p, q if h else 0, cgs)
    return out


TNG = in_units(GADGET, a_form="GFM_StellarFormationTime", z="GFM_Metallicity")
SWIFT_STARS = {"Coordinates": ("pos", 1e3, 1, 0, 1e3 * KPC), "Velocities": ("vel", 1, 0, 0, 1e5),
               "Masses": ("mass_now", 1e10, 0, 0, 1e10 * MSUN), "InitialMasses": ("mass", 1e10, 0, 0, 1e10 * MSUN),
               "BirthScaleFactors": ("a_form", 1, 0, 0, 1), "MetalMassFractions": ("z", 1, 0, 0, 1)}
GEAR = {**in_units({k: v for k, v in SWIFT_STARS.items() if k != "InitialMasses"}, 1e-3, a_velocity=0),
        "BirthMasses": ("mass", 1e10, 0, 0, 1e10 * MSUN)}
EAGLE_STARS = {**in_units(GADGET, 1e3, vel="Velocity", mass_now="Mass"),
               "InitialMass": ("mass", 1e10, 0, -1, 1e10 * MSUN)}
HORIZON = {**{k: (key, unit, 0, 0, cgs) for k, (key, unit, _, _, cgs) in
              in_units(EAGLE_STARS, 1e-3, z="SmoothedMetallicity").items()}}


def head(s, *flags, **more):
    """Of a Gadget file."""
    om, ol, h = COSMO
    flagged = {f"Flag_{k}": 1 for k in flags}
    return {"Time": s["a"], "Redshift": 1 / s["a"] - 1, "Omega0": om, "OmegaLambda": ol, "HubbleParam": h,
            "BoxSize": 0.0, "NumPart_ThisFile": np.array([0, 0, 0, 0, len(s["z"]), 0], "i4"),
            "NumPart_Total": np.array([0, 0, 0, 0, len(s["z"]), 0], "u4"), "MassTable": np.zeros(6),
            "NumFilesPerSnapshot": 1, **flagged, **more}


CGS = {"UnitLength_in_cm": 3.085678e21, "UnitMass_in_g": 1.989e43, "UnitVelocity_in_cm_per_s": 1e5}
MPC = {**CGS, "UnitLength_in_cm": 3.085678e24}
FLAGS = ("Sfr", "Cooling", "StellarAge", "Metals", "Feedback")


def swift_groups(s, length, isolated=False, header=None):
    om, ol, h = COSMO
    one = lambda x: np.array([x])
    units = {f"Unit {k} in cgs ({u})": one(x) for k, u, x in
             (("length", "U_L", length), ("mass", "U_M", 1.98841e43), ("time", "U_t", length / 1e5),
              ("current", "U_I", 1.0), ("temperature", "U_T", 1.0))}
    where = {"Cosmological run": np.array([int(not isolated)], "i4"), "Omega_m": one(0.0 if isolated else om),
             "Omega_lambda": one(0.0 if isolated else ol), "h": one(0.0 if isolated else h)}
    return {"Header": {"Code": np.bytes_("SWIFT"), "RunName": np.bytes_("test"), "BoxSize": np.array([50.0] * 3),
                       "Redshift": one(0.0 if isolated else 1 / s["a"] - 1),
                       "Scale-factor": one(1.0 if isolated else s["a"]),
                       "Time": one(s["now"] * GYR / (length / 1e5)), "Dimension": np.array([3]),
                       "NumPart_ThisFile": np.zeros(7, "i8"), "NumPart_Total": np.zeros(7, "u4"),
                       "MassTable": np.zeros(7), "NumFilesPerSnapshot": np.array([1], "i4"),
                       "ThisFile": np.array([0]), "Virtual": np.array([0], "i4"), **(header or {})},
            "Cosmology": where, "Units": units, "InternalCodeUnits": units, "Cells": {}}


def elements(s, last):
    """GEAR's metals: nine elements that add up to something else, and all metals."""
    some = np.outer(s["z"], np.linspace(0.02, 0.2, 9))
    return np.column_stack([some, s["z"]] if last else [s["z"], some, 0 * s["z"]])


def masses_of_elements(f, s, h):
    """Magneticum's metals: the masses of helium and of ten others."""
    share = np.linspace(1, 2, 10) / np.linspace(1, 2, 10).sum()
    metals = np.column_stack([0.25 * s["mass_now"], np.outer(s["mass_now"] * s["z"], share)])
    f["PartType4"].create_dataset("Metallicity", data=metals / 1e10 * h)
    f["PartType4/Metallicity"].attrs.update(dict(zip(EAGLE, ([0.0], [-1.0], [1.989e43]))))


def of_gear(f, s, h):
    del f["PartType4/MetalMassFractions"]
    f["PartType4/MetalMassFractions"] = elements(s, True)
    f["SubgridScheme/NamedColumns/MetalMassFractions"] = np.array(
        [b"Fe", b"Mg", b"O", b"C", b"Al", b"Ca", b"Ba", b"Zn", b"Eu", b"Metals"], "S10")


def of_gizmo(f, s, h):
    del f["PartType4/Metallicity"]
    f["PartType4/Metallicity"] = elements(s, False)


def of_simba(f, s, h):
    of_gizmo(f, s, h)
    f["PartType0/Dust_Masses"] = np.zeros(3)


# name: layout, attributes, header groups, further edits, what a mass at birth is where none is written
CODES = {
    "Auriga": (in_units(TNG, 1e3), None, lambda s: {"Header": head(s, *FLAGS, BoxSize=67.77)}, None, "library"),
    "AREPO": (GADGET, A_H, lambda s: {"Header": head(s, *FLAGS, **CGS), "Config": {}, "Parameters": {}}, None,
              "current"),
    "Gadget-4": (GADGET, A_H, lambda s: {
        "Header": {k: v for k, v in head(s).items() if k not in ("Omega0", "OmegaLambda", "HubbleParam")},
        "Config": {}, "Parameters": {"ComovingIntegrationOn": 1, **CGS, **dict(
            zip(("Omega0", "OmegaLambda", "HubbleParam"), COSMO))}}, None, "current"),
    "Gadget": (GADGET, None, lambda s: {"Header": head(s, *FLAGS)}, None, "current"),
    "SWIFT": (SWIFT_STARS, SWIFT, lambda s: swift_groups(s, 3.08567758e24), None, "file"),
    "SWIFT-GEAR": (GEAR, None, lambda s: swift_groups(s, 3.085678e21), of_gear, "file"),
    "GIZMO": (GADGET, None, lambda s: {"Header": head(s, *FLAGS)}, of_gizmo, "library"),
    "Simba": (GADGET, None, lambda s: {"Header": head(s, *FLAGS)}, of_simba, "library"),
    "Magneticum": ({k: v for k, v in EAGLE_STARS.items() if v[0] != "z"}, EAGLE,
                   lambda s: {"Header": head(s, RunLabel="Magneticum_Box4")}, masses_of_elements, "file"),
    "HorizonAGN": (HORIZON, EAGLE, lambda s: {"Header": {
        **{k: v for k, v in head(s).items() if k != "NumPart_ThisFile"}, "RunLabel": "Horizon-AGN", "Time": 1.0e9,
        "NumPart_This": np.array([0.0] * 6)}}, None, "file"),
}
CODES["EAGLE"] = (in_units(EAGLE_STARS, z="SmoothedMetallicity"), EAGLE,
                  lambda s: {"Header": head(s, RunLabel="EAGLE RefL0100N1504")}, None, "file")
CODES["IllustrisTNG"] = ({**TNG, "GFM_InitialMass": ("mass", 1e10, 0, -1, 1e10 * MSUN)}, A_H,
                         lambda s: {"Header": head(s, SimulationName="TNG50-1")}, None, "file")


def born(s, redshift=0.0):
    """Stars (harness.galaxy) as a code knows them: with scale factors of birth, at a redshift."""
    a = 1 / (1 + redshift)
    keep = np.asarray(s["age"]) < cosmology.age(a, *COSMO) - 0.05
    out = {k: np.asarray(v)[keep] for k, v in s.items()}
    out.update(a=a, now=cosmology.age(a, *COSMO),
               a_form=np.array([formation_scale_factor(t, redshift) for t in out["age"]]))
    return out


def isolated(s, now=3.0):
    """The same of an isolated run: times of birth [Gyr], on its own clock."""
    keep = np.asarray(s["age"]) < now
    return {**{k: np.asarray(v)[keep] for k, v in s.items()}, "a": 1.0, "now": now,
            "t_form": now - np.asarray(s["age"])[keep]}


def write_datasets(f, group, s, layout, attributes, a, h, kind="f8"):
    for name, (key, unit, p, q, cgs) in layout.items():
        d = f.create_dataset(f"{group}/{name}", data=(s[key] / (unit * a**p * h**q)).astype(kind))
        # codes write none at all for what has no unit, or that it has 0 or 1
        if attributes and (attributes is not A_H or key not in ("a_form", "z")):
            for word, x in zip(attributes, (p, q, cgs)):
                d.attrs[word] = np.array([x], "f8")


def write_groups(f, groups):
    for name, values in groups.items():
        f.require_group(name).attrs.update(values)


def write(path, code, s, h=COSMO[2], kind="f8", edit=None, header=None):
    """A snapshot in one file."""
    layout, attributes, groups, more, _ = CODES[code]
    with h5py.File(path, "w") as f:
        write_groups(f, groups(s))
        f["Header"].attrs.update(header or {})
        write_datasets(f, "PartType4", s, layout, attributes, s["a"], h, kind)
        if more:
            more(f, s, h)
        if edit:
            edit(f)
    return path


# ---- gas ----------------------------------------------------------------------------------------

CODE_SFR = 1e10 / (KPC_KMS_GYR * 1e9)           # 1e10 Msun/(kpc/(km/s)) in Msun/yr
GADGET_GAS = {**{k: x for k, x in GADGET.items() if x[0] in ("pos", "vel", "mass_now", "z")},
              "Density": ("rho", 1e10, -3, 2, 1e10 * MSUN / KPC**3), "InternalEnergy": ("u", 1, 0, 0, 1e10),
              "ElectronAbundance": ("x_e", 1, 0, 0, 1), "StarFormationRate": ("sfr", 1, 0, 0, MSUN / 3.15576e7),
              "SmoothingLength": ("hsml", 1, 1, -1, KPC)}
TNG_GAS = {k: x for k, x in GADGET_GAS.items() if k != "SmoothingLength"}
EAGLE_GAS = {"Coordinates": ("pos", 1e3, 1, -1, 1e3 * KPC), "Velocity": ("vel", 1, 0.5, 0, 1e5),
             "Mass": ("mass_now", 1e10, 0, -1, 1e10 * MSUN), "Density": ("rho", 10, -3, 2, 10 * MSUN / KPC**3),
             "StarFormationRate": ("sfr", 1, 0, 0, MSUN / 3.15576e7), "SmoothingLength": ("hsml", 1e3, 1, -1, 1e3 * KPC),
             "Temperature": ("temperature", 1, 0, 0, 1), "SmoothedMetallicity": ("z", 1, 0, 0, 1),
             "ElementAbundance/Hydrogen": ("hydrogen", 1, 0, 0, 1), "ElementAbundance/Oxygen": ("oxygen", 1, 0, 0, 1)}
SWIFT_GAS = {"Coordinates": ("pos", 1e3, 1, 0, 1e3 * KPC), "Velocities": ("vel", 1, 0, 0, 1e5),
             "Masses": ("mass_now", 1e10, 0, 0, 1e10 * MSUN), "Densities": ("rho", 10, -3, 0, 10 * MSUN / KPC**3),
             "StarFormationRates": ("sfr", CODE_SFR / 1e3, 0, 0, CODE_SFR / 1e3 * MSUN / 3.15576e7),
             "SmoothingLengths": ("fwhm", 1e3, 1, 0, 1e3 * KPC), "Temperatures": ("temperature", 1, 0, 0, 1),
             "MetalMassFractions": ("z", 1, 0, 0, 1), "ElementMassFractions/Hydrogen": ("hydrogen", 1, 0, 0, 1),
             "ElementMassFractions/Oxygen": ("oxygen", 1, 0, 0, 1)}
GEAR_GAS = {"Coordinates": ("pos", 1, 1, 0, KPC), "Velocities": ("vel", 1, 0, 0, 1e5),
            "Masses": ("mass_now", 1e10, 0, 0, 1e10 * MSUN), "Densities": ("rho", 1e10, -3, 0, 1e10 * MSUN / KPC**3),
            "SmoothingLengths": ("fwhm", 1, 1, 0, KPC), "InternalEnergies": ("u", 1, -2, 0, 1e10)}
GAS = {"Auriga": {**in_units(TNG_GAS, 1e3, z="GFM_Metallicity"), "Density": ("rho", 10, -3, 2, 10 * MSUN / KPC**3)},
       "AREPO": TNG_GAS, "Gadget-4": GADGET_GAS, "Gadget": GADGET_GAS, "IllustrisTNG":
       in_units(TNG_GAS, z="GFM_Metallicity"), "EAGLE": EAGLE_GAS, "SWIFT": SWIFT_GAS, "SWIFT-GEAR": GEAR_GAS,
       "GIZMO": {k: x for k, x in GADGET_GAS.items() if k != "Metallicity"},
       "Simba": {**{k: x for k, x in GADGET_GAS.items() if k != "Metallicity"},
                 "Dust_Masses": ("dust_mass", 1e10, 0, -1, 1e10 * MSUN), "FractionH2": ("molecular", 1, 0, 0, 1)},
       "Magneticum": {k: x for k, x in EAGLE_GAS.items() if x[0] not in ("z", "hydrogen", "oxygen")},
       "HorizonAGN": {k: (key, 1 if key in ("pos", "hsml") else 1e10 if key == "rho" else unit, 0, 0,
                          {"pos": KPC, "rho": 1e10 * MSUN / KPC**3}.get(key, cgs))
                      for k, (key, unit, _, _, cgs) in EAGLE_GAS.items() if key != "hsml"}}


def gas(n=30, redshift=0.25, seed=5):
    rng = np.random.default_rng(seed)
    s = galaxy(n, seed=seed, centre=(9000, 8000, 7000))
    out = {"pos": s["pos"], "vel": s["vel"], "mass_now": s["mass"], "z": s["z"], "rho": 10**rng.uniform(3, 8, n),
           "u": 10**rng.uniform(1.5, 5, n), "x_e": rng.uniform(0, 1.2, n), "hsml": rng.uniform(0.1, 3, n),
           "sfr": np.where(rng.random(n) < 0.5, 10**rng.uniform(-4, 0, n), 0.0),
           "temperature": 10**rng.uniform(3, 7, n), "hydrogen": rng.uniform(0.6, 0.8, n),
           "oxygen": rng.uniform(0, 0.01, n), "dust_mass": 1e-3 * s["mass"], "molecular": rng.uniform(0, 1, n),
           "a": 1 / (1 + redshift), "now": cosmology.age(1 / (1 + redshift), *COSMO)}
    out["fwhm"] = out["hsml"] / 2.018932          # Dehnen & Aly 2012, table 1: the quartic spline
    return out


def write_gas(path, code, s, edit=None):
    """Gas, and some stars by which the format is known."""
    write(path, code, born(galaxy(40, seed=2), 1 / s["a"] - 1))
    with h5py.File(path, "r+") as f:
        f.pop("PartType0", None)
        write_datasets(f, "PartType0", s, GAS[code], CODES[code][1], s["a"], COSMO[2])
        if code in ("SWIFT", "SWIFT-GEAR"):
            f.require_group("HydroScheme").attrs["Kernel function"] = np.bytes_("Quartic spline (M5)")
        if code in ("GIZMO", "Simba"):
            f["PartType0/Metallicity"] = np.column_stack([s["z"], 1 - s["z"] - s["hydrogen"], *[0 * s["z"]] * 2,
                                                          s["oxygen"], *[s["z"]] * 6])
        if code == "SWIFT-GEAR":
            f["PartType0/MetalMassFractions"] = elements(s, True)
        if code == "Magneticum":
            share = np.full((10, len(s["z"])), 1 / 9) * (s["z"] - s["oxygen"] * s["z"] / s["z"].max())
            share[2] = s["oxygen"] * s["z"] / s["z"].max()
            metals = np.vstack([1 - s["hydrogen"] - share.sum(0), share]).T * s["mass_now"][:, None] / 1e10 * COSMO[2]
            f.create_dataset("PartType0/Metallicity", data=metals).attrs.update(
                dict(zip(EAGLE, ([0.0], [-1.0], [1.989e43]))))
        if edit:
            edit(f)
    return path


TIMES = {"StellarFormationTime": ("t_form", KPC_KMS_GYR, 0, 0, KPC_KMS_GYR * GYR)}


def write_isolated(path, code, s, h=0.7, types=(4,), edit=None, kind="f8", groups=None):
    """A snapshot of an isolated run of the codes that have them: no a; h in GIZMO's units alone."""
    layout, attributes, make, more, _ = CODES[code]
    swift = code.startswith("SWIFT")
    length = layout["Coordinates"][1]
    times = {"BirthTimes": ("t_form", KPC_KMS_GYR * length, 0, 0, KPC_KMS_GYR * GYR * length)} if swift else TIMES
    layout = {k: x for k, x in layout.items() if x[0] != "a_form"} | times
    with h5py.File(path, "w") as f:
        if swift:
            write_groups(f, swift_groups(s, KPC * length, isolated=True))
        else:
            write_groups(f, make({**s, "a": 1.0}))
            where = f["Parameters" if code == "Gadget-4" else "Header"].attrs
            where.update({"Omega0": 0.0, "OmegaLambda": 0.0, "HubbleParam": h})
            scale = h if code in ("GIZMO", "Simba") else 1
            f["Header"].attrs.update({"Redshift": 0.0, "Time": s["now"] / KPC_KMS_GYR * scale})
            if code in ("AREPO", "Gadget-4"):
                f["Parameters"].attrs["ComovingIntegrationOn"] = 0
        write_groups(f, groups or {})
        factor = h if code in ("GIZMO", "Simba") else 1
        for k, t in enumerate(types):
            rows = slice(k, None, len(types))
            part = {key: x[rows] if np.ndim(x) else x for key, x in s.items()}
            mine = {n: x for n, x in layout.items() if t == 4 or x[0] in ("pos", "vel", "mass_now")}
            write_datasets(f, f"PartType{t}", part, mine, attributes, 1.0, factor, kind)
            if code in ("GIZMO", "Simba"):
                for name, (key, *_) in mine.items():
                    if key == "t_form":                 # Gyr/h, which the tables have no power for
                        f[f"PartType{t}/{name}"][:] *= h
        if more and 4 in types:
            more(f, {k: x[types.index(4)::len(types)] if np.ndim(x) else x for k, x in s.items()}, factor)
        if edit:
            edit(f)
    return path


def surviving(ssp_file, z, age):
    """What is left of the mass that formed: bilinear in the logarithms, the ends of the grid hold beyond."""
    with h5py.File(ssp_file) as f:
        zs, ages, table = f["Metallicity"][:], f["Age"][:], f["SurvivingMass"][:]
    x = np.interp(np.log10(np.maximum(z, 1e-300)), np.log10(np.where(zs > 0, zs, 1e-10)), np.arange(len(zs)))
    y = np.interp(np.log10(np.maximum(age, 1e-300)), np.log10(np.where(ages > 0, ages, 1e-4)), np.arange(len(ages)))
    i, j = np.minimum(x.astype(int), len(zs) - 2), np.minimum(y.astype(int), len(ages) - 2)
    fx, fy = x - i, y - j
    return ((1 - fx) * ((1 - fy) * table[i, j] + fy * table[i, j + 1])
            + fx * ((1 - fy) * table[i + 1, j] + fy * table[i + 1, j + 1]))


def expected(code, s, ssp_file=None):
    """What must be read of it."""
    how = CODES[code][4]
    formed = s["mass"] if how == "file" else s["mass_now"]
    if how == "library":
        formed = s["mass_now"] / surviving(ssp_file, s["z"], s["age"])
    return {"pos": s["pos"], "vel": s["vel"], "formed": formed, "now": s["mass_now"], "age": s["age"], "z": s["z"]}
