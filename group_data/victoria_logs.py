"""VictoriaLogs: which release, and how much of the past it keeps."""

from deploys.victoria_logs import VictoriaLogs

victoria_logs = VictoriaLogs(
    version="1.52.0",
    sha256="d14f585144b8d6813f15e11f0041f487e15e10e5f5e5a31be0311367e93d3494",
)
