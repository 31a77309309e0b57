"""Fetch: the program that brings models to a host with the hub's own client, whole and verified."""
