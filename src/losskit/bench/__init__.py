"""Side-by-side benchmarks: both sides in one process, threads pinned alike, values checked before timing."""
