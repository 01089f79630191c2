#!/usr/bin/env python3
"""Inclination and star formation history of a disc from one noisy cube, by simulation-based
inference: see README.md beside this file."""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import cubix

AGE_OF_DISC = 12.0                    # Gyr
LOW, HIGH = (15.0, 0.0), (75.0, 1.0)  # prior: inclination [deg], log10 of tau [Gyr]
TRUTH = (50.0, 0.5)
PLACES = (25.0, 0.2), (45.0, 0.5), (65.0, 0.8)   # where the cube's slopes are taken, to look at other cubes with
SIGNAL_TO_NOISE = 0.5                 # of a voxel of mean brightness


def disc(n, rng):
    """A cold exponential disc in the x-y plane that turns about z, of one mass a star; ages even
    over the disc's life."""
    r, phi = rng.gamma(2.0, 1.5, n), rng.uniform(0, 2 * np.pi, n)
    v = 200 * r / (r + 0.8)
    position = np.stack([r * np.cos(phi), r * np.sin(phi), 0.15 * rng.standard_normal(n)], 1)
    velocity = np.stack([-v * np.sin(phi), v * np.cos(phi), 0 * v], 1) + 15 * rng.standard_normal((n, 3))
    return {"position": position, "velocity": velocity, "mass": np.ones(n),
            "age": AGE_OF_DISC * (np.arange(n) + 0.5) / n, "metallicity": np.full(n, 0.02)}


def masses(age, log_tau):
    """Masses of a history exp(-t/tau) of 10^10 Msun altogether, and their derivative with log10 tau."""
    tau, t = 10**log_tau, AGE_OF_DISC - age
    m = np.exp(-t / tau)
    m /= m.sum()
    return 1e10 * m, 1e10 * m * (t - (m * t).sum()) / tau * np.log(10)


def open_chain(ssp, stars):
    return cubix.Chain({"SspFile": ssp, "Instrument": "MUSE", "FieldOfView": 10, "PixelScale": 1.0, "LambdaMin": 4800,
                        "LambdaMax": 5547.5, "LambdaStep": 2.5, "Redshift": 0.05,
                        "OmegaMatter": 0.31, "OmegaLambda": 0.69, "HubbleParam": 0.68, "Psf": "gaussian",
                        "PsfFwhm": 1.5, "Deposit": "tsc", "Engine": "direct",
                        "Centre": [0, 0, 0], "SystemicVelocity": "none", "Orientation": "inclined",
                        "AlignWith": "angularmomentum", "Inclination": TRUTH[0]},
                       stars, active=["inclination", "mass"])


def slopes(chain, age, theta):
    """The cube's derivatives with theta, there: [n_voxel][2]; a product with the chain's Jacobian for each."""
    mass, mass_dot = masses(age, theta[1])
    chain.forward(inclination=theta[0], mass=mass, copy=False)
    columns = chain.jvp({"inclination": 1.0}), chain.jvp({"mass": mass_dot})
    return np.stack([c.astype(float).ravel() for c in columns], 1)


def infer(theta, x, observed, n_sample, seed):
    """Samples of the posterior at `observed`, by sbi's neural posterior estimation."""
    import torch
    from sbi.inference import NPE
    from sbi.utils import BoxUniform
    torch.manual_seed(seed)
    inference = NPE(BoxUniform(torch.tensor(LOW), torch.tensor(HIGH)), show_progress_bars=False)
    inference.append_simulations(torch.tensor(theta, dtype=torch.float32),
                                 torch.tensor(x, dtype=torch.float32)).train(max_num_epochs=300)
    posterior = inference.build_posterior()
    return posterior.sample((n_sample,), x=torch.tensor(observed, dtype=torch.float32),
                            show_progress_bars=False).numpy()


def infer_abc(simulate, observed, n_simulation, n_sample, rng):
    """Samples of the posterior by approximate Bayesian computation: in three rounds, each within the box that the one before left,
    the nearest simulations are kept and corrected by a local regression of theta on x (Beaumont et al. 2002, Genetics 162, 2025)."""
    low, high = np.array(LOW), np.array(HIGH)
    for _ in range(3):
        theta = rng.uniform(low, high, (n_simulation // 3, 2))
        dx = simulate(theta) - observed
        distance = np.linalg.norm(dx, axis=1)
        radius = np.sort(distance)[len(theta) // 2]
        near = distance < radius
        weight = 1 - (distance[near] / radius)**2
        design = np.column_stack([np.ones(near.sum()), dx[near]])
        root = np.sqrt(weight)[:, None]
        slope = np.linalg.lstsq(root * design, root * theta[near], rcond=None)[0][1:]
        adjusted = theta[near] - dx[near] @ slope
        middle = np.average(adjusted, axis=0, weights=weight)
        spread = np.sqrt(np.average((adjusted - middle)**2, axis=0, weights=weight))
        low, high = np.maximum(LOW, middle - 6 * spread), np.minimum(HIGH, middle + 6 * spread)
    return adjusted[rng.choice(len(adjusted), n_sample, p=weight / weight.sum())]


def draw(path, samples, covariance, method):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
    axes.scatter(*samples.T, s=4, alpha=0.3, lw=0, label="posterior (%s)" % method)
    circle = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 200)), np.sin(a)])
    for scale in (1.52, 2.48):        # 68 and 95 per cent of two dimensions
        axes.plot(*(np.array(TRUTH)[:, None] + scale * np.linalg.cholesky(covariance) @ circle), "k-", lw=1,
                  label="Fisher matrix, 68 and 95 %" if scale < 2 else None)
    axes.plot(*TRUTH, "r+", ms=12, label="truth")
    axes.set(xlabel="inclination [deg]", ylabel="log10 tau [Gyr]")
    axes.legend()
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ssp", help="library of stellar populations; without: the demonstration's")
    parser.add_argument("--simulations", type=int, default=600)
    parser.add_argument("--stars", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--abc", action="store_true", help="approximate Bayesian computation, with numpy alone")
    parser.add_argument("--output", default="inference.png")
    opt = parser.parse_args()
    rng = np.random.default_rng(opt.seed)
    with tempfile.TemporaryDirectory() as folder:
        if not opt.ssp:
            opt.ssp = f"{folder}/ssp.hdf5"
            tool = Path(__file__).resolve().parents[2] / "scripts" / "cubix-ssp"
            subprocess.run([sys.executable, tool, "demo", opt.ssp], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        stars = disc(opt.stars, rng)
        with open_chain(opt.ssp, stars) as chain:
            def cube_of(theta):
                return chain.forward(inclination=theta[0], mass=masses(stars["age"], theta[1])[0])
            clean = cube_of(TRUTH)
            sigma = clean.mean() / SIGNAL_TO_NOISE
            # What the network sees of a cube: its scalar products with slopes, in units of their
            # noise.  Near the places that is all a cube knows of theta.
            filters = np.concatenate([slopes(chain, stars["age"], place) for place in PLACES], 1)
            filters /= sigma * np.linalg.norm(filters, axis=0)

            def look_at(cube):
                return (cube + sigma * rng.standard_normal(cube.shape)).ravel() @ filters
            def simulate(theta):
                return np.array([look_at(cube_of(t)) for t in theta])
            observed = look_at(clean)
            if opt.abc:
                samples = infer_abc(simulate, observed, opt.simulations, 2000, rng)
            else:
                theta = rng.uniform(LOW, HIGH, (opt.simulations, 2))
                x = simulate(theta)
            j = slopes(chain, stars["age"], TRUTH)
    covariance = np.linalg.inv(j.T @ j / sigma**2)
    if not opt.abc:
        samples = infer(theta, x, observed, 2000, opt.seed)
    for i, name in enumerate(("inclination [deg]", "log10 tau [Gyr]")):
        print(f"\n{name:18s} truth {TRUTH[i]:7.4f}   posterior {samples[:, i].mean():7.4f} +- "
              f"{samples[:, i].std():.4f}   Fisher +- {covariance[i, i]**0.5:.4f}", end="")
    print()
    draw(opt.output, samples, covariance, "ABC" if opt.abc else "sbi")


if __name__ == "__main__":
    main()
