"""Stand-in for a Jetson Orin Nano Super: what NVIDIA's board support has on it (SOURCES.md)."""
