"""A stand-in for NVIDIA's container runtime on a Jetson; what it keeps to is in SOURCES.md."""
