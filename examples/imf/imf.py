#!/usr/bin/env python3
"""The gradient of a whole cube with the slope of the initial mass function, by a stellar population synthesis in jax
(fastar) that is chained before CUBIX: see README.md beside this file."""
import argparse
import sys
from pathlib import Path

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)           # spectra of 10^30 erg/s/AA are beyond float32 on the way

import jax.numpy as jnp  # noqa: E402
from fastar import IntegratedSSPSynthesizer  # noqa: E402
from fastar.imf import single_power_law  # noqa: E402

import cubix  # noqa: E402
import cubix.jax  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from cubix_ssp import canonical, fastar  # noqa: E402
from cubix_ssp.asked import Asked  # noqa: E402

SALPETER, TRUTH = 2.35, 2.7
AGES = np.array([0.02, 0.1, 0.3, 1.0, 3.0, 8.0, 13.0])                     # Gyr
METALS = np.array([-0.6280, -0.1084, 0.0430, 0.3000])                      # [M/H]


def populations(ages, metals):
    """A function of the slope: spectra at 10 pc, [n_Z][n_age][n_lambda]; and the synthesizer."""
    ssp = IntegratedSSPSynthesizer(imf_function=single_power_law)
    pairs = jnp.array([(age, metal) for metal in metals for age in ages])

    def spectra(slope):
        one = jax.checkpoint(lambda pair: ssp.synthesize(pair[0], pair[1], {"alpha": slope}))
        return jax.lax.map(one, pairs).reshape(len(metals), len(ages), -1)

    return jax.jit(spectra), ssp


def write_library(path, spectra, ssp, ages, metals):
    """A canonical file of Salpeter's slope; returns the factors that make its luminosities of fastar's spectra."""
    flux = np.asarray(spectra(SALPETER), float)
    mass = np.array([[float(ssp.stellar_mass(age, metal, {"alpha": SALPETER})) for age in ages] for metal in metals])
    library = fastar.library(np.asarray(ssp.wave, float), ages, metals, flux, mass, "Salpeter 1955", Asked(print))
    canonical.write(str(path), library)
    return library["Wavelength"], library["Luminosity"][0, -1].astype(float) / flux[0, -1]


def disc(n, rng):
    """A disc with a history: old and metal-rich inside, young outside."""
    r, phi = rng.gamma(2.0, 1.5, n), rng.uniform(0, 2 * np.pi, n)
    v = 200 * r / (r + 0.8)
    return {"position": np.stack([r * np.cos(phi), r * np.sin(phi), 0.2 * rng.standard_normal(n)], 1),
            "velocity": np.stack([-v * np.sin(phi), v * np.cos(phi), 0 * v], 1) + 20 * rng.standard_normal((n, 3)),
            "mass": np.full(n, 1e10 / n), "age": np.clip(12.0 * np.exp(-r / 4) * rng.uniform(0.3, 1, n), 0.03, 12.5),
            "metallicity": 0.02 * 10 ** (-0.05 * r)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stars", type=int, default=5000)
    parser.add_argument("--small", action="store_true", help="few populations, a narrow band")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    ages, metals = (AGES[[1, 3, 5]], METALS[[1, 3]]) if args.small else (AGES, METALS)
    spectra, ssp = populations(ages, metals)
    wavelength, factor = write_library("imf-ssp.hdf5", spectra, ssp, ages, metals)

    chain = cubix.Chain({"SspFile": "imf-ssp.hdf5", "Instrument": "MUSE", "FieldOfView": 10, "PixelScale": 1.0,
                         "LambdaMin": 4800, "LambdaMax": 5200 if args.small else 7000, "LambdaStep": 2.5, "Redshift": 0.02,
                         "OmegaMatter": 0.31, "OmegaLambda": 0.69, "HubbleParam": 0.68, "Psf": "gaussian",
                         "PsfFwhm": 1.0, "Deposit": "tsc", "Engine": "direct", "Centre": [0, 0, 0],
                         "SystemicVelocity": "none", "Orientation": "inclined", "AlignWith": "angularmomentum",
                         "Inclination": 50}, disc(args.stars, np.random.default_rng(args.seed)), active=["luminosity"])
    first = int(np.argmin(abs(wavelength - chain.templates[2][0])))      # the band needs a part of the library
    part = slice(first, first + len(chain.templates[2]))
    scale = jnp.asarray(factor[part])
    cube_of = cubix.jax.forward(chain)

    def cube(slope):
        return cube_of({"luminosity": jnp.ravel(spectra(slope)[..., part] * scale)})

    observed = np.asarray(cube(TRUTH), float)
    noise = 0.02 * observed.mean()

    def chi2(slope):
        return (((cube(slope) - observed) / noise) ** 2).sum()

    gradient = jax.jit(jax.grad(chi2))
    h = 0.002
    print("chi2 at slope %.2f: gradient %.6e difference %.6e"
          % (SALPETER, gradient(SALPETER), (chi2(SALPETER + h) - chi2(SALPETER - h)) / (2 * h)))

    slope, derivative = SALPETER, jax.jit(jax.jacfwd(lambda s: spectra(s)[..., part] * scale))
    for step in range(5):
        here = np.asarray(cube(slope), float)
        change = chain.jvp({"luminosity": np.asarray(derivative(slope)).ravel()}).astype(float)   # of every voxel
        slope += float((change * (observed - here)).sum() / (change ** 2).sum())
        print("step %d: slope %.4f" % (step + 1, slope))
    print("truth %.4f found %.4f" % (TRUTH, slope))


if __name__ == "__main__":
    main()
