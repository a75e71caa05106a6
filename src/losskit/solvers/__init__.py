"""Solvers, one file a method; `choose` says which fits and why, `minimise` is the front door."""
