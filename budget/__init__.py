"""Budget: what models and their servers take of a host, computed before a byte moves."""
