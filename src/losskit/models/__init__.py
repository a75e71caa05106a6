"""Models of tables: what they hold, their files, read without trust, their labels and predictions."""
