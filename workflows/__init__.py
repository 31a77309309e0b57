"""Workflows: what n8n does, as Python and JavaScript; `make docs` writes files/n8n/workflows.

Nothing that is rolled out imports this: the JSON files are what n8n gets. Role n8n replaces the
placeholders in them: `@@VAULT@@`, `@@MODEL_URL@@`, `@@MODEL@@`, `@@PROMETHEUS_URL@@`,
`@@MLFLOW_URL@@` and `@@MLFLOW_PAGE@@`.
"""
