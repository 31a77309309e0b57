"""NVIDIA: the production branch 580, which knows an RTX 5070 Ti and runs CUDA 13."""

from deploys.nvidia import Nvidia

nvidia = Nvidia(driver_version="580.159.04")
