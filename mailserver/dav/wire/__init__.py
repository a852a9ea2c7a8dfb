"""Request headers as values: pure, on text alone."""
