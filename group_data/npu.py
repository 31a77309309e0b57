"""NPU: the driver that Intel verified with OpenVINO 2026, for whoever works at the laptop."""

from deploys.npu import Npu
from group_data.workstation import workstation as _workstation

npu = Npu(
    users=(_workstation.user,),
    driver_release="1.38.0.20260910-34487311128",
    driver_sha256={
        "ubuntu2404": "1efcd4b60c22abee751d8f2705962cbcc2a569de45c7e0e670cf08afbfcdc1d2",
        "ubuntu2604": "83685e6d92f4db1ca65e442846d487c7feb1335634b33994292ceb38f933bcc7",
    },
    loader_version="1.34.0",
    loader_sha256="45210e4549cd965ad7b9f160eefe53cbcdba01af341bea7ac7ba0aedeeb613ba",
)
