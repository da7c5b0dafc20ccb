"""The page of a study: one section per analysis, each with findings computed from its figures."""
