"""Models: what each host of the role holds, pinned by commit and sha256."""

from deploys.models import Model, Models

models = Models(
    catalogue=(
        Model(
            name="llama-3.2-3b-instruct",
            repository="bartowski/Llama-3.2-3B-Instruct-GGUF",
            revision="5ab33fa94d1d04e903623ae72c95d1696f09f9e8",
            file="Llama-3.2-3B-Instruct-Q4_K_M.gguf",
            bytes=2_019_377_696,
            sha256="6c1a2b41161032677be168d354123594c0e6e67d2b9227c84f296ad037c728ff",
            licence="llama3.2",
            layers=28,
            kv_heads=8,
            head_dimension=128,
        ),
    ),
)
