"""Rows in: text files, Arrow, frames and streams of batches, their columns, and the matrix that a solver sees."""
