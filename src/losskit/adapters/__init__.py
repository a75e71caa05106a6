"""One module a framework, the only one to import it; `losskit.hosts` loads them by name."""
