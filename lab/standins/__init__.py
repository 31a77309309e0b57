"""Stand-ins: what the lab cannot have for real, each refusing what the real one refuses."""
