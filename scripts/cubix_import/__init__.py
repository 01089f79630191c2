"""The parts of cubix-import: what pynbody or yt reads becomes a canonical particle file, after it was checked.

galaxy.py        what a reader hands on, and the tables of the canonical file
stated.py        what the simulation's own files say of their universe and units; stated_hdf5.py: those in HDF5
with_pynbody.py  reading through pynbody; with_yt.py: through yt; package.py: whether either is there
universe.py      the file's word, the package's and the user's, compared; the age of the universe
judge.py         what no star can be: ages, metallicities, masses, speeds
birth_mass.py    the mass at birth, and what says it
selection.py     centre and radius
particles.py     the canonical file is written
"""
