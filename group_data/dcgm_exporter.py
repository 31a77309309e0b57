"""DCGM exporter: a release of DCGM 4, for the one card of the host."""

from deploys.dcgm_exporter import DcgmExporter

dcgm_exporter = DcgmExporter(
    image=(
        "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless"
        "@sha256:60d3b00ac80b4ae77f94dae2f943685605585ad9e92fdccda3154d009ae317cc"
    ),
)
