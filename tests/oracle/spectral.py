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


def channels(lam_min, lam_max, step):
    """Centres in the output's medium."""
    return lam_min + step * np.arange(int(np.floor((lam_max - lam_min) / step + 1 + 1e-6)))


def edges(lam_min, lam_max, step, medium):
    """Vacuum wavelengths of the n + 1 channel edges."""
    n = len(channels(lam_min, lam_max, step))
    edge = lam_min + step * (np.arange(n + 1) - 0.5)
    return air_to_vacuum(edge) if medium == "air" else edge
