"""The internal certificate authority: one CA for this roll-out, and a leaf for each server."""

from certificates.authority import Authority, CertificateError, Leaf, for_data

__all__ = ["Authority", "CertificateError", "Leaf", "for_data"]
