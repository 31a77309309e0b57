"""First contact with a host: whose key it shows, and an account there that pyinfra can use."""

from trust.target import TrustError

__all__ = ["TrustError"]
