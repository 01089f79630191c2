"""Section 5: air and vacuum, channels."""
import numpy as np


def air_to_vacuum(lam):
    lam = np.asarray(lam, float)
    s2 = (1e4 / lam)**2
    n = 1 + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s2) + 1.599740894897e-4 / (38.92568793293 - s2)
    return np.where(lam < 2000.0, lam, lam * n)


def vacuum_to_air(lam):
    lam = np.asarray(lam, float)
    s2 = (1e4 / lam)**2
    n = 1 + 8.34254e-5 + 2.406147e-2 / (130.0 - s2) + 1.5998e-4 / (38.9 - s2)
    return np.where(lam < 2000.0, lam, lam / n)


def vacuum(air):
    """Air to vacuum by inverting Morton's formula with Newton steps: another road than the programs'."""
    wave = np.array(air, float)
    for _ in range(20):
        s2 = (1e4 / wave) ** 2
        wave = air * (1 + 8.34254e-5 + 2.406147e-2 / (130 - s2) + 1.5998e-4 / (38.9 - s2))
    return np.where(air < 2000, air, wave)


def per_vacuum(air):
    """d(air)/d(vacuum): what turns light per AA in air into light per AA in vacuum.  By differences, wide enough for
    the rounding of Newton's steps."""
    h = 1e-4 * air
    return np.where(air < 2000, 1.0, 2 * h / (vacuum(np.maximum(air, 2000.5) + h) - vacuum(np.maximum(air, 2000.5) - h)))


def channels(lam_min, lam_max, step):
    """Centres in the output's medium."""
    return lam_min + step * np.arange(int(np.floor((lam_max - lam_min) / step + 1 + 1e-6)))


def edges(lam_min, lam_max, step, medium):
    """Vacuum wavelengths of the n + 1 channel edges."""
    n = len(channels(lam_min, lam_max, step))
    edge = lam_min + step * (np.arange(n + 1) - 0.5)
    return air_to_vacuum(edge) if medium == "air" else edge
