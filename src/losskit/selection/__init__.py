"""Choosing a loss: profile the data, make a shortlist, compare by nested cross-validation, explain."""
