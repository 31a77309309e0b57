"""MLflow: where it answers; its version is pinned in files/mlflow/requirements.in."""

from deploys.mlflow import Mlflow

mlflow = Mlflow()
