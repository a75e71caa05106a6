"""Objectives of linear models, sum(w L) / sum(w) + penalty: the only owners of X, whether held or streamed."""
