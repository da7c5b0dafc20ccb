"""A whole file scored: read by the rules of the spec, part by part, so that a killed run goes on where it stopped."""
