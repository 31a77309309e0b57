"""n8n: which version, on which Node, and how much it may take.

Another version: files/n8n/package.json, then `npm install --package-lock-only` in files/n8n.
"""

from deploys.n8n import N8n

n8n = N8n(
    node_version="24.21.0",
    node_sha256="6e1db87ef58b8819e5d5402eff1536491b18edd8eb7bee5ef7897876e88dc5ff",
    sqlite_addon_version="5.1.7",
    sqlite_addon_sha256="6d1f7a95e5aca90db1fd6a2839380a021d5ee23d46f2d7c520ded094da813fed",
)
