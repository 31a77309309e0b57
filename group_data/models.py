"""Models: what is known of each, and which of them a host does without.

A file without `sha256` is locked at its first download, in `models.lock.json`; its size is an
estimate until then.
"""

from budget.architecture import Architecture, FullAttention
from deploys.catalogue import Model, ModelFile
from deploys.models import Models

models = Models(
    catalogue=(
        Model(
            name="llama-3.1-8b-instruct-fp8",
            repository="RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8",
            revision="12fd6884d2585dd4d020373e7f39f74507b31866",
            files=(
                ModelFile(path="config.json", bytes=2_000),
                ModelFile(path="generation_config.json", bytes=200),
                ModelFile(path="model-00001-of-00002.safetensors", bytes=5_000_000_000),
                ModelFile(path="model-00002-of-00002.safetensors", bytes=4_080_000_000),
                ModelFile(path="model.safetensors.index.json", bytes=80_000),
                ModelFile(path="special_tokens_map.json", bytes=300),
                ModelFile(path="tokenizer.json", bytes=9_100_000),
                ModelFile(path="tokenizer_config.json", bytes=56_000),
            ),
            licence="llama3.1",
            format="safetensors",
            quantization="compressed-tensors",
            architecture=Architecture(
                context_tokens=131_072,
                vocabulary=128_256,
                caches=(FullAttention(layers=32, kv_heads=8, head_dimension=128),),
            ),
        ),
        Model(
            name="qwen2.5-7b-instruct-awq",
            repository="Qwen/Qwen2.5-7B-Instruct-AWQ",
            revision="b25037543e9394b818fdfca67ab2a00ecc7dd641",
            files=(
                ModelFile(
                    path="config.json",
                    bytes=841,
                    sha256="ec0c1f5f875ad8bc1f78c5140c22dbdde1b55478442ad358e7a4d9ecf947a327",
                ),
                ModelFile(
                    path="generation_config.json",
                    bytes=243,
                    sha256="9df8ac8558514924f3481a609f1e5590ab4416efc600b12ad805155d79581c59",
                ),
                ModelFile(
                    path="merges.txt",
                    bytes=1_671_839,
                    sha256="599bab54075088774b1733fde865d5bd747cbcc7a547c5bc12610e874e26f5e3",
                ),
                ModelFile(
                    path="model-00001-of-00002.safetensors",
                    bytes=3_996_422_976,
                    sha256="4ad6e70f93823a9228931615e04b5e9293854c236fb4bd5f85e27f3b600605ad",
                ),
                ModelFile(
                    path="model-00002-of-00002.safetensors",
                    bytes=1_574_406_784,
                    sha256="920a8cc9d3c81668f18014a69bb041ab8bab22a31640a713f90f5e7580e2f126",
                ),
                ModelFile(
                    path="model.safetensors.index.json",
                    bytes=62_662,
                    sha256="559b6859f37625080bf49eea80806ecc2f859a13b316b7fae2ff4432b6308e36",
                ),
                ModelFile(
                    path="tokenizer.json",
                    bytes=7_031_645,
                    sha256="c0382117ea329cdf097041132f6d735924b697924d6f6fc3945713e96ce87539",
                ),
                ModelFile(
                    path="tokenizer_config.json",
                    bytes=7_305,
                    sha256="5b5d4f65d0acd3b2d56a35b56d374a36cbc1c8fa5cf3b3febbbfabf22f359583",
                ),
                ModelFile(
                    path="vocab.json",
                    bytes=2_776_833,
                    sha256="ca10d7e9fb3ed18575dd1e277a2579c16d108e32f27439684afa0e10b1440910",
                ),
            ),
            licence="apache-2.0",
            format="safetensors",
            quantization="awq",
            architecture=Architecture(
                context_tokens=32_768,
                vocabulary=152_064,
                caches=(FullAttention(layers=28, kv_heads=4, head_dimension=128),),
            ),
        ),
        Model(
            name="llama-3.2-3b-instruct",
            repository="bartowski/Llama-3.2-3B-Instruct-GGUF",
            revision="5ab33fa94d1d04e903623ae72c95d1696f09f9e8",
            files=(
                ModelFile(
                    path="Llama-3.2-3B-Instruct-Q4_K_M.gguf",
                    bytes=2_019_377_696,
                    sha256="6c1a2b41161032677be168d354123594c0e6e67d2b9227c84f296ad037c728ff",
                ),
            ),
            licence="llama3.2",
            format="gguf",
            architecture=Architecture(
                context_tokens=131_072,
                vocabulary=128_256,
                caches=(FullAttention(layers=28, kv_heads=8, head_dimension=128),),
            ),
        ),
        Model(
            name="llama-3.2-1b-instruct",
            repository="bartowski/Llama-3.2-1B-Instruct-GGUF",
            revision="067b946cf014b7c697f3654f621d577a3e3afd1c",
            files=(
                ModelFile(
                    path="Llama-3.2-1B-Instruct-Q4_K_M.gguf",
                    bytes=807_694_464,
                    sha256="6f85a640a97cf2bf5b8e764087b1e83da0fdb51d7c9fab7d0fece9385611df83",
                ),
            ),
            licence="llama3.2",
            format="gguf",
            architecture=Architecture(
                context_tokens=131_072,
                vocabulary=128_256,
                caches=(FullAttention(layers=16, kv_heads=8, head_dimension=64),),
            ),
        ),
        Model(
            name="nomic-embed-text-v1.5",
            repository="nomic-ai/nomic-embed-text-v1.5-GGUF",
            revision="0188c9bf409793f810680a5a431e7b899c46104c",
            files=(
                ModelFile(
                    path="nomic-embed-text-v1.5.Q8_0.gguf",
                    bytes=146_146_432,
                    sha256="3e24342164b3d94991ba9692fdc0dd08e3fd7362e0aacc396a9a5c54a544c3b7",
                ),
            ),
            licence="apache-2.0",
            format="gguf",
            architecture=Architecture(context_tokens=2_048, vocabulary=30_522),
        ),
        Model(
            name="llama-3.1-8b-instruct-eagle3",
            repository="RedHatAI/Llama-3.1-8B-Instruct-speculator.eagle3",
            revision="f4fa34a8f803a0ba75d048d6b3dbc1ad5149e9ac",
            files=(
                ModelFile(path="config.json", bytes=2_000),
                ModelFile(path="model.safetensors", bytes=1_900_000_000),
            ),
            licence="llama3.1",
            format="safetensors",
            architecture=Architecture(
                context_tokens=131_072,
                vocabulary=128_256,
                caches=(FullAttention(layers=1, kv_heads=8, head_dimension=128),),
            ),
        ),
    ),
    # The 1B model is for a Jetson. The draft of EAGLE-3 takes memory of the card that the cache
    # of the 8B model needs on 16 GB.
    without=("llama-3.2-1b-instruct", "llama-3.1-8b-instruct-eagle3"),
)
