"""A stand-in for Grafana's server and command line; what it keeps to is in SOURCES.md."""
