"""The oracle: the whole of doc/math.md once more, in float64 numpy.

It shares no code with the C program and no method where another one is at hand: integrals by
Gauss-Legendre points on every smooth piece instead of closed forms, splines and monotone cubics
from scipy, convolutions sample by sample.  Slow and plain on purpose. Section numbers in the
modules are those of doc/math.md."""
