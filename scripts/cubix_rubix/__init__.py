"""The parts of cubix-from-rubix: from a configuration of RUBIX to a parameter file.

config.py       reading a configuration, which remembers what was asked of it
telescopes.py   RUBIX's telescopes, and what is said here instead
rotation.py     RUBIX's rotations as inclination and position angle
convert.py      key by key
paramfile.py    the parameter file, with where each line comes from
"""
