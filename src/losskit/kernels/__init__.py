"""Compiled scalars, kernels made of them, and the loops that run them."""
