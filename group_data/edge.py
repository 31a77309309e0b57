"""Edge: the 1B chat model on the GPU of a Jetson Orin Nano."""

from deploys.edge import Edge

edge = Edge(
    images={
        36: (
            "ghcr.io/nvidia-ai-iot/llama_cpp:b8708-r36.4-tegra-aarch64-cu126-22.04"
            "@sha256:8fa5df9a76d3ddce89ade0ae67822afdfac27a5fe3a9e5eff7b6dfd72cd34f6b"
        ),
        # CUDA 13.0 for sm_87 and sm_110; others run this digest on Orin boards with r39.2.
        39: (
            "ghcr.io/nvidia-ai-iot/llama_cpp:b10373-r38.2.arm64-sbsa-cp312-cu130-24.04"
            "@sha256:f7c67c102b08252e963f9e5f92c3a36554c8f69305eb7ea257c6cd12e24c3191"
        ),
    },
    model="llama-3.2-1b-instruct",
    # The processor only looks up and samples tokens; more threads wait for each other.
    threads=2,
)
