"""The catalogue: one file a family, one class a loss. A loss written here is found by the registry by itself."""
